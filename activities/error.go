package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// ErrInvalid marks input that can't be right however often it is tried.
var ErrInvalid = errors.New("invalid input")

// invalid marks err as final without changing its words.
type invalid struct{ error }

func (i invalid) Is(target error) bool { return target == ErrInvalid }
func (i invalid) Unwrap() error        { return i.error }

// Classify turns an error of the domain into the Temporal error that says
// whether trying again can help. Retryability looks at the outermost error
// only, so an ApplicationError inside wrapped ones is lifted.
func Classify(err error) error {
	var app *temporal.ApplicationError
	switch {
	case err == nil, errors.Is(err, activity.ErrResultPending), temporal.IsCanceledError(err), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &app):
		return app
	case errors.Is(err, ErrInvalid), errors.Is(err, catalog.ErrInvalid), errors.Is(err, artifacts.ErrTooLarge):
		return final(err, contract.ErrInvalidInput)
	case errors.Is(err, artifacts.ErrDamaged), errors.Is(err, artifacts.ErrNotFound):
		return final(err, contract.ErrDigestMismatch)
	case errors.Is(err, catalog.ErrConflict):
		return final(err, contract.ErrConflict)
	case errors.Is(err, catalog.ErrNotFound):
		return final(err, contract.ErrNotFound)
	}
	return temporal.NewApplicationErrorWithCause(err.Error(), contract.ErrUnavailable, err)
}

func final(err error, kind string) error {
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind,
		temporal.ApplicationErrorOptions{NonRetryable: true, Category: temporal.ApplicationErrorCategoryBenign})
}

// Interceptor classifies the errors of every activity of a worker.
type Interceptor struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*Interceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &classifier{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type classifier struct {
	interceptor.ActivityInboundInterceptorBase
}

func (c *classifier) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := c.Next.ExecuteActivity(ctx, in)
	return out, Classify(err)
}
