package catalog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
)

func TestTransient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialect *dialect
		err     error
		want    bool
	}{
		{sqliteDialect(), sqlite3.Error{Code: sqlite3.ErrBusy}, true},
		{sqliteDialect(), fmt.Errorf("x: %w", sqlite3.Error{Code: sqlite3.ErrLocked}), true},
		{sqliteDialect(), sqlite3.Error{Code: sqlite3.ErrConstraint}, false},
		{sqliteDialect(), ErrConflict, false},
		{postgresDialect(), &pgconn.PgError{Code: "40001"}, true},
		{postgresDialect(), fmt.Errorf("x: %w", &pgconn.PgError{Code: "40P01"}), true},
		{postgresDialect(), &pgconn.PgError{Code: "23505"}, false},
		{postgresDialect(), context.Canceled, false},
	} {
		require.Equal(t, test.want, test.dialect.transient(test.err), "%s: %v", test.dialect.name, test.err)
	}
}

func TestTransientErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	busy := sqlite3.Error{Code: sqlite3.ErrBusy}

	tries := 0
	err = c.update(t.Context(), "try", func(*tx) error {
		if tries++; tries < 3 {
			return busy
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 3, tries)

	tries = 0
	err = c.update(t.Context(), "try", func(*tx) error { tries++; return busy })
	require.ErrorIs(t, err, busy)
	require.Equal(t, maxAttempts, tries)

	ctx, cancel := context.WithCancelCause(t.Context())
	tries = 0
	err = c.update(ctx, "try", func(*tx) error { tries++; cancel(errors.New("enough")); return busy })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, tries)
}
