package oip

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A server that notices first that a call's time is over ends it as cancelled; that is the deadline's doing.
func TestTheServerNoticesTheDeadlineFirst(t *testing.T) {
	t.Parallel()
	soon, cancel := context.WithDeadline(t.Context(), time.Now().Add(early))
	defer cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	for _, c := range []codes.Code{codes.Canceled, codes.DeadlineExceeded} {
		require.ErrorIs(t, fromStatus(soon, status.Error(c, "")), context.DeadlineExceeded)
		require.NotErrorIs(t, fromStatus(late, status.Error(c, "")), context.DeadlineExceeded)
		require.False(t, over(t.Context(), c))
	}
	require.False(t, over(soon, codes.Internal))
}
