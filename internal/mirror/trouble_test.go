package mirror_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/mirror"
)

// refuse answers as MLflow does to what it does not take.
func refuse(w http.ResponseWriter, why string) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"error_code":"INVALID_PARAMETER_VALUE","message":"`+why+`"}`)
}

// body reads a request and leaves it readable.
func body(r *http.Request) string {
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

// MLflow's database fails the slower of two requests that insert the same row; that is no verdict on what was sent.
func TestRacesInTheOtherServersDatabaseRefuseNothing(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	m := newMirror(t, here, there, nil)
	newRun(t, here, "credit", "one", 3)
	var lost sync.Map
	there.fails(func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
		if _, again := lost.LoadOrStore(r.URL.Path, true); !again && r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error_code":"BAD_REQUEST","message":"(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id, datasets.name, datasets.digest"}`)
			return
		}
		behind.ServeHTTP(w, r)
	})
	defer run(t, m)()
	s := settled(t, here)
	require.Zero(t, s.Refused)
	require.Zero(t, s.Aside)
	_, tried := lost.Load("/api/2.0/mlflow/runs/log-inputs")
	require.True(t, tried)
	require.Len(t, copyOf(t, there, "one").Inputs, 1)
}

// A server that does not take an item gets the rest; what it refused is shown, and sent again when asked for.
func TestRefusedItemsAreKeptApart(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	m := newMirror(t, here, there, func(c *mirror.Config) { c.MaxArtifact = 7 })
	newRun(t, here, "credit", "one", 1500)
	newRun(t, here, "credit", "fine", 1)
	there.fails(func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
		switch text := body(r); {
		case strings.Contains(text, `"p077"`):
			refuse(w, "p077 is too long")
		case strings.Contains(text, `"odd"`) && strings.Contains(text, "metrics"):
			refuse(w, "no NaN here")
		default:
			behind.ServeHTTP(w, r)
		}
	})
	stop := run(t, m)
	defer func() { stop() }()
	s := settled(t, here)
	require.Equal(t, int64(2), s.Refused)
	require.Zero(t, s.Aside)
	require.Len(t, s.Troubles, 2)
	var refused []string
	for _, r := range mirror.Refusals(s.Troubles[0]) {
		refused = append(refused, r.Kind+" "+r.Key+": "+r.Reason)
	}
	require.Len(t, refused, 3)
	require.Contains(t, refused[0], "param p077: ")
	require.Contains(t, refused[0], "p077 is too long")
	require.Contains(t, refused[1], "metric odd: ")
	require.Contains(t, refused[2], "artifact deep/er/a b%25ü.txt: it has 8 bytes, at most 7")
	theirs := copyOf(t, there, "one")
	require.Len(t, theirs.Params, 129)
	require.Equal(t, catalog.RunFinished, theirs.Status)
	require.Len(t, theirs.Metrics, 1)

	// It is not sent again by itself.
	before := there.requests("mlflow/runs/log-batch")
	require.NoError(t, here.LogBatch(t.Context(), "one", catalog.RunBatch{Tags: []catalog.Pair{{Key: "x", Value: "y"}}}))
	settled(t, here)
	require.Equal(t, before+1, there.requests("mlflow/runs/log-batch"))

	there.fails(nil)
	stop()
	m = newMirror(t, here, there, nil)
	n, err := here.RetryMirrorRuns(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
	stop = run(t, m)
	s = settled(t, here)
	require.Zero(t, s.Refused)
	requireSame(t, here, there, "one")
	requireSame(t, here, there, "fine")
}

// A run that can't be there is set aside and holds up no other; so does one that the server always fails on.
func TestPoisonedRunsHoldUpNoOther(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	m := newMirror(t, here, there, func(c *mirror.Config) { c.Parallel = 1 })
	newRun(t, here, "forbidden", "poison", 1)
	newRun(t, here, "credit", "crasher", 1)
	newRun(t, here, "credit", "fine", 1)
	there.fails(func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
		switch text := body(r); {
		case strings.Contains(text, `"name":"forbidden"`):
			refuse(w, "no such names")
		case strings.Contains(text, `"run crasher"`):
			w.WriteHeader(http.StatusInternalServerError)
		default:
			behind.ServeHTTP(w, r)
		}
	})
	stop := run(t, m)
	defer func() { stop() }()
	status := func() catalog.MirrorStatus {
		s, err := here.MirrorStatus(t.Context(), 10)
		require.NoError(t, err)
		return s
	}
	require.Eventually(t, func() bool { s := status(); return s.Aside == 1 && s.Pending == 1 && s.Failing == 1 }, 2*time.Minute, 5*time.Millisecond)
	requireSame(t, here, there, "fine")
	s := status()
	require.Len(t, s.Troubles, 2)
	require.True(t, s.Troubles[0].Aside)
	require.Contains(t, s.Troubles[0].LastError, "no such names")
	require.Contains(t, s.Troubles[1].LastError, "500")
	require.Positive(t, s.Troubles[1].Attempts)

	there.fails(nil)
	n, err := here.RetryMirrorRuns(t.Context(), "poison")
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
	_, err = here.RetryMirrorRuns(t.Context(), "nobody")
	require.ErrorIs(t, err, catalog.ErrNotFound)
	settled(t, here)
	requireSame(t, here, there, "poison")
	requireSame(t, here, there, "crasher")

	// People there may delete a run: it stays deleted.
	gone := copyOf(t, there, "fine")
	require.NoError(t, there.DeleteRun(t.Context(), gone.UID, mark("there")))
	require.NoError(t, here.LogBatch(t.Context(), "fine", catalog.RunBatch{Tags: []catalog.Pair{{Key: "x", Value: "y"}}}))
	require.Eventually(t, func() bool { return status().Aside == 1 }, 2*time.Minute, 5*time.Millisecond)
	require.NotNil(t, copyOf(t, there, "fine").DeletedAt)
	require.Contains(t, status().Troubles[0].LastError, "deleted there")
}

func TestStoppedAndStartedAnew(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	_, err := here.MirrorStatus(t.Context(), 1)
	require.ErrorIs(t, err, catalog.ErrNotFound)
	m := newMirror(t, here, there, nil)
	newRun(t, here, "credit", "one", 2)
	stop := run(t, m)
	settled(t, here)
	stop()
	require.NoError(t, here.StopMirror(t.Context(), mark("stop")))
	require.ErrorIs(t, here.StopMirror(t.Context(), mark("again")), catalog.ErrNotFound)
	newRun(t, here, "credit", "unseen", 2)

	// Found again by its tag.
	_, err = here.StartMirror(t.Context(), there.url, mark("second"))
	require.NoError(t, err)
	require.NoError(t, here.LogBatch(t.Context(), "one", catalog.RunBatch{Metrics: []catalog.Metric{{Key: "loss", Value: 3, At: 3, Step: 3}}}))
	stop = run(t, m)
	s := settled(t, here)
	stop()
	require.Equal(t, int64(1), s.Runs)
	requireSame(t, here, there, "one")

	// Another server gets all that the first one got.
	second := newOther(t)
	m = newMirror(t, here, second, nil)
	stop = run(t, m)
	settled(t, here)
	stop()
	requireSame(t, here, second, "one")
	events, err := here.Events(t.Context(), catalog.EventFilter{SubjectPrefix: "mirror/"})
	require.NoError(t, err)
	require.Len(t, events, 4)
	for _, e := range events {
		require.NotContains(t, string(e.Detail), "hush")
	}
}

// Two attempts made a run at the same moment: one is left.
func TestTwoOfOneBecomeOne(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	m := newMirror(t, here, there, nil)
	e, err := there.CreateExperiment(t.Context(), catalog.Experiment{Name: "credit"}, mark("e"))
	require.NoError(t, err)
	for _, uid := range []string{"b", "a"} {
		_, err := there.CreateRun(t.Context(), catalog.Run{UID: uid, ExperimentID: e.ID, Tags: []catalog.Pair{{Key: mirror.TagRun, Value: "one"}}})
		require.NoError(t, err)
	}
	newRun(t, here, "credit", "one", 2)
	stop := run(t, m)
	settled(t, here)
	stop()
	kept, err := there.Run(t.Context(), "a")
	require.NoError(t, err)
	require.Nil(t, kept.DeletedAt)
	require.Len(t, kept.Params, 130)
	other, err := there.Run(t.Context(), "b")
	require.NoError(t, err)
	require.NotNil(t, other.DeletedAt)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	here, there := newSide(t, catalogtest.SQLite(t)), newOther(t)
	_ = newMirror(t, here, there, nil)
	for want, cfg := range map[string]mirror.Config{
		"Catalog is missing":    {},
		"Repository is missing": {Catalog: here.Catalog},
		"Server is missing":     {Catalog: here.Catalog, Repository: here.repository},
	} {
		_, err := mirror.New(cfg)
		require.ErrorContains(t, err, want)
	}
}
