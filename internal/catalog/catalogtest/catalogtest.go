package catalogtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/stretchr/testify/require"
)

// EnvPostgres names the PostgreSQL server to test on, as "postgres://user@host:port/database".
const EnvPostgres = "SLIPWAY_TEST_POSTGRES"

// Each runs a test on every database. Each call of open opens the same catalog
// anew, as another process would.
func Each(t *testing.T, test func(t *testing.T, open func() *catalog.Catalog)) {
	t.Helper()
	EachDSN(t, func(t *testing.T, dsn string) {
		test(t, func() *catalog.Catalog { return Open(t, dsn) })
	})
}

// EachDSN runs a test on every database with the address of an empty catalog.
func EachDSN(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	for name, dsn := range map[string]func(*testing.T) string{"sqlite": sqliteDSN, "postgres": Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dsn(t))
		})
	}
}

// SQLite is an empty catalog in the test's folder.
func SQLite(t *testing.T) *catalog.Catalog {
	t.Helper()
	return Open(t, sqliteDSN(t))
}

// Open opens a catalog until the test ends.
func Open(t *testing.T, dsn string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Raw is the database under a catalog, to look at or damage what the catalog guards.
func Raw(t *testing.T, dsn string) *sqlx.DB {
	t.Helper()
	driver, source := "sqlite3", "file:"+(&url.URL{Path: dsn}).EscapedPath()+"?_busy_timeout=10000"
	if strings.HasPrefix(dsn, "postgres") {
		driver, source = "pgx", dsn
	}
	db, err := sqlx.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func sqliteDSN(t *testing.T) string {
	return filepath.Join(t.TempDir(), "catalog.db")
}

// Postgres makes a schema that the test has to itself.
func Postgres(t *testing.T) string {
	t.Helper()
	server := os.Getenv(EnvPostgres)
	if server == "" {
		t.Fatalf("%s is not set: run `make test`, which starts a PostgreSQL for the tests", EnvPostgres)
	}
	address, err := url.Parse(server)
	require.NoError(t, err)
	schema := "test_" + strings.ToLower(rand.Text())
	admin := Raw(t, server)
	_, err = admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		// The test's own context has ended by now.
		_, err := admin.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		require.NoError(t, err)
	})
	query := address.Query()
	query.Set("search_path", schema)
	address.RawQuery = query.Encode()
	return address.String()
}
