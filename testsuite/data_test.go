package testsuite

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/artifacts/s3test"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// runActivity is a workflow of one activity.
func runActivity(ctx workflow.Context, name string, in json.RawMessage) (json.RawMessage, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, HeartbeatTimeout: 20 * time.Second})
	var out json.RawMessage
	err := workflow.ExecuteActivity(ctx, name, in).Get(ctx, &out)
	return out, err
}

// dataHost is a worker with the data activities, its data versions in PostgreSQL and S3, on a real Temporal server.
type dataHost struct {
	t       *testing.T
	client  client.Client
	library *dataversion.Library
	imports string // its import folder
	exports string // its export folder
}

func newDataHost(t *testing.T) *dataHost {
	library, err := dataversion.Open(t.Context(), dataversion.Config{
		Catalog: catalogtest.Postgres(t), Artifacts: s3test.Start(t), EncryptionKey: "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4=",
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, library.Close()) })
	h := &dataHost{t: t, library: library, imports: t.TempDir(), exports: t.TempDir()}
	c := &cluster{t: t, dir: t.TempDir()}
	c.temporal, c.address = temporalServer(t, c.dir)
	h.client = c.client()
	w := worker.New(h.client, "data", worker.Options{DisableRegistrationAliasing: true, Interceptors: []interceptor.WorkerInterceptor{&activities.Interceptor{}}})
	w.RegisterWorkflowWithOptions(runActivity, workflow.RegisterOptions{Name: "runActivity"})
	set := activities.Set{Datasets: &activities.Datasets{Library: library, ImportRoot: h.imports, ExportRoot: h.exports, MaskKey: []byte(strings.Repeat("k", 32))}}
	activities.Register(w, set.Control())
	activities.Register(w, set.Compute())
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return h
}

// do runs an activity.
func (h *dataHost) do(name string, in, out any) error {
	h.t.Helper()
	b, err := json.Marshal(in)
	require.NoError(h.t, err)
	run, err := h.client.ExecuteWorkflow(h.t.Context(), client.StartWorkflowOptions{TaskQueue: "data"}, "runActivity", name, json.RawMessage(b))
	require.NoError(h.t, err)
	return run.Get(h.t.Context(), out)
}

func (h *dataHost) ok(name string, in, out any) {
	h.t.Helper()
	require.NoError(h.t, h.do(name, in, out), name)
}

// fails runs an activity that must fail for good with an error of a kind.
func (h *dataHost) fails(kind, name string, in any) {
	h.t.Helper()
	var app *temporal.ApplicationError
	err := h.do(name, in, nil)
	require.True(h.t, errors.As(err, &app), "%s: %v", name, err)
	require.Equal(h.t, kind, app.Type(), "%s: %v", name, err)
	require.True(h.t, app.NonRetryable())
}

func (h *dataHost) write(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.imports, name)
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(h.t, os.WriteFile(path, []byte(content), 0o600))
}

// TestDataActivities does with a data version on PostgreSQL and S3 what workflows can do with one.
func TestDataActivities(t *testing.T) {
	t.Parallel()
	h := newDataHost(t)
	train, err := os.ReadFile("../examples/credit-risk/data/train.csv")
	require.NoError(t, err)
	h.write("credit/train.csv", string(train))
	h.write("credit/readme.md", "loans")
	h.write("copy/train.csv", string(train))
	h.write("copy/readme.md", "loans")

	var first, second, again contract.AddDataOutput
	h.ok(contract.ActivityAddData, contract.AddDataInput{Path: "credit", Name: "credit", By: "ann"}, &first)
	require.False(t, first.Existed)
	require.EqualValues(t, 2, first.Files)
	h.ok(contract.ActivityAddData, contract.AddDataInput{Path: "copy", Name: "other", By: "bob"}, &again)
	require.True(t, again.Existed)
	require.Equal(t, first.Version, again.Version)
	h.write("credit/new.txt", "new")
	h.ok(contract.ActivityAddData, contract.AddDataInput{Path: "credit", Name: "credit", By: "ann"}, &second)
	require.EqualValues(t, 2, second.Version.Version)

	require.NoError(t, os.Symlink("/etc", filepath.Join(h.imports, "link")))
	for _, path := range []string{"../x", "/etc/passwd", "link", "link/passwd", "nothing", ""} {
		h.fails(contract.ErrInvalidInput, contract.ActivityAddData, contract.AddDataInput{Path: path, Name: "credit", By: "ann"})
	}
	h.fails(contract.ErrInvalidInput, contract.ActivityAddData, contract.AddDataInput{Path: "credit", Name: "a/b", By: "ann"})

	var diff contract.DiffDataOutput
	h.ok(contract.ActivityDiffData, contract.DiffDataInput{A: "credit@1", B: "credit"}, &diff)
	require.EqualValues(t, 1, diff.Added)
	require.Equal(t, "new.txt", diff.Changes[0].Path)
	var shown contract.ShowDataOutput
	h.ok(contract.ActivityShowData, contract.DataRef{Ref: first.Version.Digest}, &shown)
	require.Len(t, shown.Entries, 2)
	h.fails(contract.ErrNotFound, contract.ActivityShowData, contract.DataRef{Ref: "nothing"})

	// A version, or a part of it, on the worker's host.
	var got contract.GetDataOutput
	h.ok(contract.ActivityGetData, contract.GetDataInput{Ref: "credit@1", To: "all/of it"}, &got)
	require.Equal(t, contract.GetDataOutput{Version: first.Version, Files: 2, Bytes: int64(len(train) + len("loans"))}, got)
	content, err := os.ReadFile(filepath.Join(h.exports, "all", "of it", "train.csv"))
	require.NoError(t, err)
	require.Equal(t, string(train), string(content))
	h.ok(contract.ActivityGetData, contract.GetDataInput{Ref: "credit@1", Paths: []string{"train.csv"}, Columns: []string{"risk", "age"}, To: "part"}, &got)
	content, err = os.ReadFile(filepath.Join(h.exports, "part", "train.csv"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(content), "risk,age\n"), string(content[:40]))
	require.NoFileExists(t, filepath.Join(h.exports, "part", "readme.md"))
	outside := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(h.exports, "link")))
	for _, to := range []string{"../x", "/tmp/x", "link", "link/x", ""} {
		h.fails(contract.ErrInvalidInput, contract.ActivityGetData, contract.GetDataInput{Ref: "credit@1", To: to})
	}
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, left)
	h.fails(contract.ErrInvalidInput, contract.ActivityGetData, contract.GetDataInput{Ref: "credit@1", Columns: []string{"nothing"}, Paths: []string{"train.csv"}, To: "x"})
	h.fails(contract.ErrNotFound, contract.ActivityGetData, contract.GetDataInput{Ref: "nothing", To: "x"})

	// Validation: the example's schema, one that is inferred, and a profile to compare with.
	schema, err := os.ReadFile("../examples/credit-risk/schema.yaml")
	require.NoError(t, err)
	stored, err := h.library.Store().PutBytes(t.Context(), schema, "application/yaml")
	require.NoError(t, err)
	var profile contract.Report
	var inferred contract.InferSchemaOutput
	h.ok(contract.ActivityProfileData, contract.TableInput{Ref: "credit@1", Path: "train.csv", Schema: string(stored.Digest)}, &profile)
	h.ok(contract.ActivityInferSchema, contract.TableInput{Ref: "credit@1", Path: "train.csv"}, &inferred)
	for _, s := range []string{string(stored.Digest), inferred.Schema} {
		var verdict contract.Verdict
		h.ok(contract.ActivityCheckData, contract.CheckDataInput{Ref: "credit", Paths: []string{"train.csv"}, Schema: s, Reference: profile.Digest}, &verdict)
		require.True(t, verdict.Passed, verdict.Summary)
		require.InDelta(t, 1, verdict.Metrics["completeness"], 0)
	}
	h.write("bad/bad.csv", "age\n200\n")
	h.ok(contract.ActivityAddData, contract.AddDataInput{Path: "bad", Name: "bad", By: "ann"}, nil)
	var verdict contract.Verdict
	h.ok(contract.ActivityCheckData, contract.CheckDataInput{Ref: "bad", Schema: string(stored.Digest)}, &verdict)
	require.False(t, verdict.Passed)
	h.write("ragged.csv", "a\n1\n1,2\n")
	h.ok(contract.ActivityAddData, contract.AddDataInput{Path: "ragged.csv", Name: "ragged", By: "ann"}, nil)
	h.fails(contract.ErrInvalidInput, contract.ActivityInferSchema, contract.TableInput{Ref: "ragged"})

	// Personal columns leave the store masked, the same value always as the same.
	h.ok(contract.ActivityGetData, contract.GetDataInput{Ref: "credit@1", Paths: []string{"train.csv"}, Columns: []string{"sex", "risk"}, Schema: string(stored.Digest), To: "masked"}, &got)
	content, err = os.ReadFile(filepath.Join(h.exports, "masked", "train.csv"))
	require.NoError(t, err)
	require.NotContains(t, string(content), "male")
	require.Regexp(t, `^sex,risk\n[0-9a-f]{64},[01]\n`, string(content))
	h.fails(contract.ErrInvalidInput, contract.ActivityGetData, contract.GetDataInput{Ref: "credit@1", Paths: []string{"readme.md"}, Schema: string(stored.Digest), To: "masked"})

	// Tags, holds, deletion and collection.
	var info contract.DataInfo
	h.ok(contract.ActivityTagData, contract.TagDataInput{Ref: "credit@1", Tag: "golden", By: "ann"}, &info)
	require.Equal(t, []string{"golden"}, info.Tags)
	h.fails(contract.ErrConflict, contract.ActivityDeleteData, contract.DeleteDataInput{Ref: "golden", By: "ann"})
	h.ok(contract.ActivityHoldData, contract.HoldDataInput{Ref: "credit@2", By: "ann", Reason: "case 17"}, &info)
	h.fails(contract.ErrConflict, contract.ActivityDeleteData, contract.DeleteDataInput{Ref: "credit@2", By: "ann"})
	h.ok(contract.ActivityHoldData, contract.HoldDataInput{Ref: "credit@2", End: true, By: "ann", Reason: "closed"}, nil)
	h.ok(contract.ActivityDeleteData, contract.DeleteDataInput{Ref: "credit@2", By: "ann"}, &info)
	require.Equal(t, info.DeletedAt.Add(catalog.DefaultKeep), info.KeepUntil)
	var restored contract.DataInfo
	h.ok(contract.ActivityRestoreData, contract.RestoreDataInput{Ref: "credit@2", By: "ann"}, &restored)
	require.True(t, restored.DeletedAt.IsZero())
	h.ok(contract.ActivityDeleteData, contract.DeleteDataInput{Ref: "credit@2", Keep: -1, By: "ann"}, nil)
	var collected contract.CollectDataOutput
	h.ok(contract.ActivityCollectData, contract.CollectDataInput{Grace: time.Nanosecond, By: "slipway"}, &collected)
	require.Equal(t, []string{"credit@2"}, collected.Versions)
	require.Positive(t, collected.Blobs)
	var list contract.ListDataOutput
	h.ok(contract.ActivityListData, contract.ListDataInput{Deleted: true}, &list)
	require.Len(t, list.Versions, 4)
	h.fails(contract.ErrInvalidInput, contract.ActivityCollectData, contract.CollectDataInput{Grace: -1, By: "slipway"})

	var verified contract.VerifyDataOutput
	h.ok(contract.ActivityVerifyData, contract.VerifyDataInput{}, &verified)
	require.Zero(t, verified.Damaged, "%v", verified.Damage)
	require.EqualValues(t, 3, verified.Versions)
	require.NoError(t, h.library.Catalog().LinkData(t.Context(), first.Version.Digest, "m/1/2", "release/m/1@r"))
	var lineage contract.DataLineageOutput
	h.ok(contract.ActivityDataLineage, contract.DataRef{Ref: "golden"}, &lineage)
	require.Equal(t, "m/1", lineage.Uses[0].Release)
	_, err = h.library.Catalog().VerifyEvents(t.Context())
	require.NoError(t, err)
}
