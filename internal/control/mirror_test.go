package control_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

func TestMirrorIsShownAndSteered(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	ctx, c := t.Context(), d.client
	by := controlclient.Move{Actor: "bob", Reason: "why not"}
	_, err := c.Mirror(ctx)
	require.True(t, controlclient.IsNotFound(err), "%v", err)

	_, err = d.catalog.StartMirror(ctx, "https://mlflow.example.org", mark("start"))
	require.NoError(t, err)
	for _, uid := range []string{"aside", "failing", "refused", "waiting"} {
		_, err := d.catalog.CreateRun(ctx, catalog.Run{UID: uid})
		require.NoError(t, err)
	}
	due, err := d.catalog.DueMirrorRuns(ctx, time.Now(), 10)
	require.NoError(t, err)
	require.Len(t, due, 4)
	sent, err := json.Marshal(map[string]any{"refused": []map[string]string{{"kind": "param", "key": "p", "value": "00", "reason": "too long"}}})
	require.NoError(t, err)
	for _, r := range due[:3] {
		next, taken, err := d.catalog.TakeMirrorRun(ctx, r)
		require.NoError(t, err)
		require.True(t, taken)
		_, again, err := d.catalog.TakeMirrorRun(ctx, r)
		require.NoError(t, err)
		require.False(t, again, "its turn is taken")
		switch r.Run {
		case "aside":
			next.Aside, next.LastError = true, "no such names"
		case "failing":
			next.Attempts, next.LastError, next.DueAt = 3, "no answer", time.Now().Add(time.Hour)
		case "refused":
			next.Done, next.Remote, next.Refused, next.Sent, next.MirroredAt = r.Rev, "r", 1, sent, time.Now()
		}
		noted, err := d.catalog.NoteMirrorRun(ctx, next)
		require.NoError(t, err)
		require.True(t, noted)
	}
	got, err := c.Mirror(ctx)
	require.NoError(t, err)
	require.Equal(t, "https://mlflow.example.org", got.Target)
	require.Equal(t, []int64{4, 2, 1, 1, 1}, []int64{got.Runs, got.Pending, got.Failing, got.Aside, got.Refused})
	require.False(t, got.Waiting.IsZero())
	require.Len(t, got.Troubles, 3)
	states := map[string]controlclient.MirrorTrouble{}
	for _, trouble := range got.Troubles {
		states[trouble.State] = trouble
	}
	require.Equal(t, "aside", got.Troubles[0].State)
	require.Equal(t, "no such names", states["aside"].Error)
	require.Equal(t, int64(3), states["failing"].Attempts)
	require.False(t, states["failing"].RetryAt.IsZero())
	require.Equal(t, []controlclient.MirrorRefusal{{Kind: "param", Key: "p", Reason: "too long"}}, states["refused"].Refused)

	n, err := c.RetryMirror(ctx, "aside", by)
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
	n, err = c.RetryMirror(ctx, "", by)
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
	_, err = c.RetryMirror(ctx, "nobody", by)
	require.True(t, controlclient.IsNotFound(err), "%v", err)
	_, err = c.RetryMirror(ctx, "", controlclient.Move{})
	require.ErrorContains(t, err, "by whom")
	got, err = c.Mirror(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(4), got.Pending)
	require.Empty(t, got.Troubles)

	require.NoError(t, c.StopMirror(ctx, by))
	_, err = c.Mirror(ctx)
	require.True(t, controlclient.IsNotFound(err), "%v", err)
	answer, _ := d.do(http.MethodDelete, "/api/v1/mirror", `{"actor":"bob"}`, "Content-Type", "application/json")
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	events, err := d.catalog.Events(ctx, catalog.EventFilter{Action: catalog.ActionMirrorStopped})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, "bob", events[0].Actor)
}
