package testsuite

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/workflows"
)

// paths that must have a recorded history, by workflow.
var paths = map[string][]string{
	"release":    {"promoted", "approved", "failed-test", "rejected", "expired", "rolled-back", "aborted", "refused", "flooded"},
	"compliance": {"approved", "rejected", "expired"},
	"canary":     {"promoted", "rolled-back", "aborted"},
	"monitor":    {"checked"},
	"deliver":    {"cancelled", "mirror-ended"},
	"batch":      {"completed", "existed", "refused", "paused", "cancelled"},
}

// TestRecordedHistoriesReplay replays every history that was ever recorded
// against today's code: a workflow that was started by an older version must go on.
func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	found := map[string][]string{}
	err := filepath.WalkDir("histories", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kind := filepath.Base(filepath.Dir(path))
		name := strings.TrimSuffix(d.Name(), ".json")
		found[kind] = append(found[kind], name)
		t.Run(kind+"/"+name, func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(path)
			require.NoError(t, err)
			defer f.Close()
			history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
			require.NoError(t, err)
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			started := history.Events[0].GetWorkflowExecutionStartedEventAttributes()
			original := workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()}
			require.NoError(t, replayer.ReplayWorkflowHistoryWithOptions(sdklog.NewStructuredLogger(discard()), history, worker.ReplayWorkflowHistoryOptions{OriginalExecution: original}))
		})
		return nil
	})
	require.NoError(t, err)
	for kind, names := range paths {
		for _, name := range names {
			require.True(t, slices.Contains(found[kind], name), "no recorded history of %s %s", kind, name)
		}
	}
}
