package activities_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// classes is what each kind of error must become.
var classes = map[string]struct {
	err   error
	kind  string
	final bool
}{
	"invalid input":       {activities.ErrInvalid, contract.ErrInvalidInput, true},
	"catalog: invalid":    {catalog.ErrInvalid, contract.ErrInvalidInput, true},
	"catalog: conflict":   {catalog.ErrConflict, contract.ErrConflict, true},
	"catalog: held":       {&catalog.HeldError{Holder: catalog.Release{Model: model}}, contract.ErrConflict, true},
	"catalog: not found":  {catalog.ErrNotFound, contract.ErrNotFound, true},
	"artifacts: missing":  {artifacts.ErrNotFound, contract.ErrDigestMismatch, true},
	"artifacts: damaged":  {artifacts.ErrDamaged, contract.ErrDigestMismatch, true},
	"artifacts: too big":  {artifacts.ErrTooLarge, contract.ErrInvalidInput, true},
	"artifacts: operator": {&artifacts.Error{Op: "read", Err: artifacts.ErrDamaged}, contract.ErrDigestMismatch, true},
	"deadline":            {context.DeadlineExceeded, contract.ErrUnavailable, false},
	"anything else":       {errors.New("connection refused"), contract.ErrUnavailable, false},
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for name, want := range classes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for depth, err := range []error{want.err, fmt.Errorf("data.train (a.csv): %w", fmt.Errorf("read: %w", want.err)), errors.Join(errors.New("first"), want.err)} {
				got := activities.Classify(err)
				var app *temporal.ApplicationError
				require.ErrorAs(t, got, &app, "form %d", depth)
				require.Same(t, app, got, "form %d: retryability looks at the outermost error only", depth)
				require.Equal(t, want.kind, app.Type())
				require.Equal(t, want.final, app.NonRetryable())
				require.Equal(t, err.Error(), app.Message(), "no word is lost")
			}
		})
	}
}

func TestClassifyLiftsAnApplicationError(t *testing.T) {
	t.Parallel()
	inner := temporal.NewNonRetryableApplicationError("no such graph", "Mine", nil)
	require.Same(t, inner, activities.Classify(fmt.Errorf("open model: %w", fmt.Errorf("graph: %w", inner))))
}

func TestClassifyPasses(t *testing.T) {
	t.Parallel()
	require.NoError(t, activities.Classify(nil))
	for name, err := range map[string]error{
		"result pending":    activity.ErrResultPending,
		"context cancelled": context.Canceled,
		"wrapped":           fmt.Errorf("test model: %w", context.Canceled),
		"Temporal's":        temporal.NewCanceledError("stop"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, err, activities.Classify(err))
		})
	}
}

// The interceptor does for every activity what Classify does for one error.
func TestInterceptor(t *testing.T) {
	t.Parallel()
	for name, want := range classes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := intercepted(t, t.Context(), func(context.Context) error { return fmt.Errorf("step: %w", want.err) })
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.Equal(t, want.kind, app.Type())
			require.Equal(t, want.final, app.NonRetryable())
			require.Contains(t, app.Error(), "step: ")
		})
	}
	t.Run("success", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, intercepted(t, t.Context(), func(context.Context) error { return nil }))
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		err := intercepted(t, ctx, func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return fmt.Errorf("stopped at row 3: %w", ctx.Err())
		})
		var app *temporal.ApplicationError
		require.False(t, errors.As(err, &app) && app.Type() == contract.ErrUnavailable, "a cancellation must not be tried again: %v", err)
		require.ErrorContains(t, err, "cancel")
	})
}

func intercepted(t *testing.T, ctx context.Context, body func(context.Context) error) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx, Interceptors: []interceptor.WorkerInterceptor{&activities.Interceptor{}}})
	env.RegisterActivityWithOptions(body, activity.RegisterOptions{Name: "body"})
	_, err := env.ExecuteActivity("body")
	return err
}

// final asserts that an activity ended with a kind of error that is never tried again.
func final(t testing.TB, err error, kind string, words ...string) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, kind, app.Type(), err)
	require.True(t, app.NonRetryable(), err)
	for _, w := range words {
		require.ErrorContains(t, err, w)
	}
}

// retried asserts that an activity ended with an error that is tried again.
func retried(t testing.TB, err error, words ...string) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, contract.ErrUnavailable, app.Type(), err)
	require.False(t, app.NonRetryable(), err)
	for _, w := range words {
		require.ErrorContains(t, err, w)
	}
}
