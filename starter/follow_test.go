package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"
)

// silent is a screen that shows nothing.
type silent struct{}

func (silent) update(int)  {}
func (silent) note(string) {}
func (silent) close()      {}

// A Temporal that does not answer for a while is not taken for the workflow's end; what the workflow says is.
func TestFollowOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]error{
		"late": fmt.Errorf("long poll: %w", context.DeadlineExceeded), "late there": serviceerror.NewDeadlineExceeded("late"),
		"down": serviceerror.NewUnavailable("down"), "busy": &serviceerror.ResourceExhausted{Message: "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := &mocks.WorkflowRun{}
			run.On("Get", mock.Anything, mock.Anything).Return(trouble).Once()
			run.On("Get", mock.Anything, mock.Anything).Run(func(args mock.Arguments) { *args.Get(1).(*int) = 7 }).Return(nil).Once()
			c := &mocks.Client{}
			c.On("GetWorkflow", mock.Anything, "w", "").Return(run)
			w := watching[int, int]{
				client: c, id: "w", screen: silent{}, read: func(context.Context) (int, error) { return 0, nil },
				ended: func(_, result int, end error) (int, error) { return result, end },
			}
			v, end, err := w.follow(t.Context(), 0)
			require.NoError(t, err)
			require.NoError(t, end)
			require.Equal(t, 7, v)
		})
	}
	require.False(t, away(temporal.NewTimeoutError(0, nil)))
	require.False(t, away(serviceerror.NewNotFound("gone")))
	require.False(t, away(serviceerror.NewPermissionDenied("no", "")))
}
