package testsuite

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
)

func itoa(n int) string { return strconv.Itoa(n) }

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// recordTo names the folder that new histories are written to; empty: none are.
// Recorded ones are added to testsuite/histories and never made anew.
const recordTo = "SLIPWAY_RECORD_HISTORIES"

// record keeps the closed history of a workflow under histories/<workflow>/<path>.json.
func (c *cluster) record(workflowID, workflow, path string) {
	c.t.Helper()
	dir := os.Getenv(recordTo)
	if dir == "" {
		return
	}
	events := history(c.t, c.client(), workflowID)
	b, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&historypb.History{Events: events})
	require.NoError(c.t, err)
	require.NoError(c.t, os.MkdirAll(filepath.Join(dir, workflow), 0o755))
	require.NoError(c.t, os.WriteFile(filepath.Join(dir, workflow, path+".json"), append(b, '\n'), 0o644))
}

func history(t testing.TB, tc client.Client, workflowID string) []*historypb.HistoryEvent {
	t.Helper()
	var events []*historypb.HistoryEvent
	it := tc.GetWorkflowHistory(context.Background(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		require.NoError(t, err)
		events = append(events, e)
	}
	return events
}
