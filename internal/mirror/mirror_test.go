package mirror_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/mirror"
)

// newRun makes a run with something of everything.
func newRun(t *testing.T, here *side, experiment, uid string, points int) {
	t.Helper()
	ctx := t.Context()
	e, err := here.ExperimentByName(ctx, experiment)
	if err != nil {
		e, err = here.CreateExperiment(ctx, catalog.Experiment{Name: experiment}, mark("experiment/"+experiment))
	}
	require.NoError(t, err)
	r, err := here.CreateRun(ctx, catalog.Run{UID: uid, ExperimentID: e.ID, Name: "run " + uid, User: "ann", StartedAt: 1_700_000_000_000,
		Tags: []catalog.Pair{{Key: "team", Value: "credit"}, {Key: "gone", Value: "soon"}}})
	require.NoError(t, err)
	batch := catalog.RunBatch{}
	for i := range 130 {
		batch.Params = append(batch.Params, catalog.Pair{Key: fmt.Sprintf("p%03d", i), Value: strings.Repeat("ü", i)})
	}
	for i := range points {
		batch.Metrics = append(batch.Metrics, catalog.Metric{Key: "loss", Value: 1 / float64(i+1), At: 1_700_000_000_000 + int64(i), Step: int64(i)})
	}
	batch.Metrics = append(batch.Metrics, catalog.Metric{Key: "odd", Value: math.NaN(), At: 1, Step: 1}, catalog.Metric{Key: "odd", Value: math.Inf(-1), At: 1, Step: 2}, catalog.Metric{Key: "odd", Value: 0.1, At: 1, Step: -3})
	require.NoError(t, here.LogBatch(ctx, uid, batch))
	require.NoError(t, here.LinkRun(ctx, uid, []catalog.RunDataset{{Name: "train", Digest: "d1", SourceType: "local", Source: "s", Schema: "{}", Profile: "{}", Tags: map[string]string{catalog.TagDataContext: "training"}}}, nil))
	folder := strings.TrimPrefix(r.ArtifactURI, catalog.ArtifactAddress)
	for path, content := range map[string]string{"tests.json": "{}", "deep/er/a b%25ü.txt": "odd name", "model_card.md": "# Card"} {
		_, err := here.files.Put(ctx, folder+"/"+path, strings.NewReader(content))
		require.NoError(t, err)
	}
	ended, status := int64(1_700_000_100_000), catalog.RunFinished
	_, err = here.UpdateRun(ctx, uid, catalog.RunChange{Status: &status, EndedAt: &ended})
	require.NoError(t, err)
}

// copyOf is the one run there that is a run here.
func copyOf(t *testing.T, there *other, uid string) catalog.Run {
	t.Helper()
	experiments, _, err := there.SearchExperiments(t.Context(), catalog.TrackedQuery{Existence: catalog.All, Limit: 100})
	require.NoError(t, err)
	var all []int64
	for _, e := range experiments {
		all = append(all, e.ID)
	}
	found, _, err := there.SearchRuns(t.Context(), catalog.TrackedQuery{Experiments: all, Existence: catalog.All, Limit: 10,
		Conditions: []catalog.Condition{{Field: catalog.Field{Kind: catalog.FieldTag, Key: mirror.TagRun}, Op: "=", Texts: []string{uid}}}})
	require.NoError(t, err)
	require.Len(t, found, 1, "one run there for %s", uid)
	return found[0]
}

// requireSame compares a run with its copy, histories and artifacts too.
func requireSame(t *testing.T, here *side, there *other, uid string) {
	t.Helper()
	ours, err := here.Run(t.Context(), uid)
	require.NoError(t, err)
	theirs := copyOf(t, there, uid)
	require.Equal(t, ours.Params, theirs.Params)
	require.Equal(t, ours.Tags, slices.DeleteFunc(theirs.Tags, func(p catalog.Pair) bool { return p.Key == mirror.TagRun }))
	require.Equal(t, ours.Inputs, theirs.Inputs)
	require.Equal(t, []any{ours.Name, ours.User, ours.Status, ours.StartedAt, ours.EndedAt, ours.DeletedAt == nil},
		[]any{theirs.Name, theirs.User, theirs.Status, theirs.StartedAt, theirs.EndedAt, theirs.DeletedAt == nil})
	counts, err := here.MetricCounts(t.Context(), uid)
	require.NoError(t, err)
	copied, err := there.MetricCounts(t.Context(), theirs.UID)
	require.NoError(t, err)
	require.Equal(t, counts, copied)
	for _, c := range counts {
		a, _, err := here.MetricHistory(t.Context(), uid, c.Key, nil, 1_000_000)
		require.NoError(t, err)
		b, _, err := there.MetricHistory(t.Context(), theirs.UID, c.Key, nil, 1_000_000)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(a), fmt.Sprint(b), c.Key) // as text: NaN is not itself
	}
	require.Equal(t, contents(t, here, ours), contents(t, there.side, theirs))
}

// contents are a run's artifacts by path.
func contents(t *testing.T, s *side, r catalog.Run) map[string]string {
	t.Helper()
	folder := strings.TrimPrefix(r.ArtifactURI, catalog.ArtifactAddress)
	files, err := s.TrackedFiles(t.Context(), folder)
	require.NoError(t, err)
	out := map[string]string{}
	for _, f := range files {
		content, err := s.repository.Open(t.Context(), artifacts.Digest(f.Digest))
		require.NoError(t, err)
		b, err := io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, content.Close())
		out[strings.TrimPrefix(f.Path, folder+"/")] = string(b)
	}
	return out
}

func TestRunsAreBroughtOver(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		here, there := newSide(t, open()), newOther(t)
		newRun(t, here, "credit", "before", 1) // not noted: there is no mirror yet
		m := newMirror(t, here, there, nil)
		newRun(t, here, "credit", "one", 2500)
		newRun(t, here, "churn", "two", 3)
		stop := run(t, m)
		settled(t, here)
		requireSame(t, here, there, "one")
		requireSame(t, here, there, "two")

		// What goes on is added, what is taken away is taken away.
		ctx := t.Context()
		require.NoError(t, here.LogBatch(ctx, "one", catalog.RunBatch{
			Metrics: []catalog.Metric{{Key: "loss", Value: 0, At: 5, Step: 2500}, {Key: "late", Value: 1, At: 1}},
			Params:  []catalog.Pair{{Key: "more", Value: "1"}}, Tags: []catalog.Pair{{Key: "team", Value: "risk"}, {Key: catalog.TagRunName, Value: "renamed"}},
		}))
		require.NoError(t, here.DeleteRunTag(ctx, "one", "gone"))
		_, err := here.DeleteTrackedFiles(ctx, "1/one/artifacts/deep")
		require.NoError(t, err)
		settled(t, here)
		requireSame(t, here, there, "one")
		// Points before those that were sent.
		require.NoError(t, here.LogBatch(ctx, "one", catalog.RunBatch{Metrics: []catalog.Metric{{Key: "loss", Value: 9, At: 5, Step: -1}}}))
		settled(t, here)
		requireSame(t, here, there, "one")
		// Deleted and restored.
		require.NoError(t, here.DeleteRun(ctx, "two", mark("delete")))
		settled(t, here)
		requireSame(t, here, there, "two")
		require.NoError(t, here.RestoreRun(ctx, "two", mark("restore")))
		settled(t, here)
		requireSame(t, here, there, "two")
		e, err := here.ExperimentByName(ctx, "churn")
		require.NoError(t, err)
		require.NoError(t, here.DeleteExperiment(ctx, e.ID, mark("delete experiment")))
		settled(t, here)
		requireSame(t, here, there, "two")

		// One that was there before the mirror comes over as a whole when it changes.
		require.NoError(t, here.LogBatch(ctx, "before", catalog.RunBatch{Tags: []catalog.Pair{{Key: "seen", Value: "now"}}}))
		s := settled(t, here)
		requireSame(t, here, there, "before")
		require.Equal(t, int64(3), s.Runs)
		require.Empty(t, s.Troubles)
		report := stop()
		require.Zero(t, report.Failed)
	})
}

func TestOnlyReleasesAndNoCopies(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	m := newMirror(t, here, there, func(c *mirror.Config) { c.All, c.Experiment = false, "all of them" })
	newRun(t, here, "credit", "people", 1)
	newRun(t, here, "credit", "release", 1)
	newRun(t, here, "credit", "copy", 1)
	require.NoError(t, here.LogBatch(t.Context(), "release", catalog.RunBatch{Tags: []catalog.Pair{{Key: catalog.TagRelease, Value: "release/credit/1@r"}}}))
	require.NoError(t, here.LogBatch(t.Context(), "copy", catalog.RunBatch{Tags: []catalog.Pair{{Key: catalog.TagRelease, Value: "r"}, {Key: mirror.TagRun, Value: "elsewhere"}}}))
	stop := run(t, m)
	settled(t, here)
	stop()
	requireSame(t, here, there, "release")
	e, err := there.ExperimentByName(t.Context(), "all of them")
	require.NoError(t, err)
	found, _, err := there.SearchRuns(t.Context(), catalog.TrackedQuery{Experiments: []int64{0, e.ID}, Limit: 10})
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// TestNothingLostNothingDoubled makes every kind of request fail in every way, over and over, in
// shifts that are cut off: what is there in the end is what is here.
func TestNothingLostNothingDoubled(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		here, there := newSide(t, open()), newOther(t)
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		var n atomic.Uint64
		there.fails(func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
			random := rand.New(rand.NewPCG(seed, n.Add(1)))
			switch random.IntN(12) {
			case 0:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 1:
				http.Error(w, `{"error_code":"INTERNAL_ERROR","message":"database is locked"}`, http.StatusInternalServerError)
			case 2: // done, but nobody hears of it
				behind.ServeHTTP(discard{http.Header{}}, r)
				panic(http.ErrAbortHandler)
			case 3:
				panic(http.ErrAbortHandler)
			case 4:
				w.WriteHeader(http.StatusTooManyRequests)
			default:
				behind.ServeHTTP(w, r)
			}
		})
		const runs = 6
		m := newMirror(t, here, there, nil)
		for i := range runs {
			newRun(t, here, "credit", fmt.Sprint("run", i), 1500)
		}
		for range 10 { // cut off at any moment
			stop := run(t, m)
			before := n.Load()
			require.Eventually(t, func() bool {
				s, err := here.MirrorStatus(t.Context(), 1)
				return n.Load() > before+7 || err == nil && s.Pending == 0
			}, 30*time.Second, time.Millisecond)
			stop()
		}
		stop := run(t, m)
		require.NoError(t, here.LogBatch(t.Context(), "run0", catalog.RunBatch{Metrics: []catalog.Metric{{Key: "loss", Value: 7, At: 7, Step: 7000}}}))
		s := settled(t, here)
		report := stop()
		require.Positive(t, report.Failed+int(n.Load()))
		require.Zero(t, s.Aside)
		for i := range runs {
			requireSame(t, here, there, fmt.Sprint("run", i))
		}
	})
}

// discard is a client that is gone.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// TestPointsAreSentOnce counts the points that arrive: a server that keeps doubles, as
// MLflow's file store does, has none although every fourth request fails or goes unheard.
func TestPointsAreSentOnce(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	var (
		n       atomic.Uint64
		mu      sync.Mutex
		arrived = map[string]int{}
	)
	there.fails(func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
		var batch struct {
			Run     string `json:"run_id"`
			Metrics []struct {
				Key  string
				Step int64
			}
		}
		if strings.HasSuffix(r.URL.Path, "log-batch") {
			_ = json.Unmarshal([]byte(body(r)), &batch)
		}
		take := func(w http.ResponseWriter) {
			behind.ServeHTTP(w, r)
			mu.Lock()
			defer mu.Unlock()
			for _, p := range batch.Metrics {
				arrived[fmt.Sprint(batch.Run, p.Key, p.Step)]++
			}
		}
		switch n.Add(1) % 8 {
		case 1, 5:
			if strings.HasSuffix(r.URL.Path, "runs/get") { // it says so, but it is there
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Run not found"}`)
				return
			}
			take(w)
		case 3:
			take(discard{http.Header{}})
			panic(http.ErrAbortHandler)
		case 6:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			take(w)
		}
	})
	m := newMirror(t, here, there, func(c *mirror.Config) { c.Parallel = 1 })
	newRun(t, here, "credit", "one", 4500)
	stop := run(t, m)
	settled(t, here)
	for i := range 20 {
		require.NoError(t, here.LogBatch(t.Context(), "one", catalog.RunBatch{Metrics: []catalog.Metric{{Key: "loss", Value: 7, At: 7, Step: int64(7000 + i)}}}))
		settled(t, here)
	}
	require.Positive(t, stop().Failed)
	requireSame(t, here, there, "one")
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, arrived, 4500+20+3)
	for point, times := range arrived {
		require.Equal(t, 1, times, point)
	}
}
