package catalog_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

// startRun adds a run to an experiment.
func startRun(t *testing.T, c *catalog.Catalog, experiment int64, uid string) catalog.Run {
	t.Helper()
	r, err := c.CreateRun(t.Context(), catalog.Run{UID: uid, ExperimentID: experiment, Name: "name of " + uid, StartedAt: 1000})
	require.NoError(t, err)
	return r
}

func TestExperimentsAreNumberedWithoutGaps(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		first, err := c.Experiment(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, "Default", first.Name)
		for i := int64(1); i <= 3; i++ {
			e, err := c.CreateExperiment(t.Context(), catalog.Experiment{Name: fmt.Sprint("e", i), Tags: map[string]string{"k": "v"}}, mark(fmt.Sprint("create", i)))
			require.NoError(t, err)
			require.Equal(t, i, e.ID)
			// One that fails takes no number.
			_, err = c.CreateExperiment(t.Context(), catalog.Experiment{Name: "Default"}, mark(fmt.Sprint("again", i)))
			require.ErrorIs(t, err, catalog.ErrConflict)
		}
		again, err := c.CreateExperiment(t.Context(), catalog.Experiment{Name: "e1"}, mark("create1"))
		require.NoError(t, err)
		require.Equal(t, int64(1), again.ID, "a mark is one act")
		require.EqualValues(t, 3, intact(t, c))
	})
}

func TestDeletedExperimentComesBackWithTheRunsItHad(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		e, err := c.CreateExperiment(ctx, catalog.Experiment{Name: "e"}, mark("create"))
		require.NoError(t, err)
		startRun(t, c, e.ID, "kept")
		startRun(t, c, e.ID, "gone")
		require.NoError(t, c.DeleteRun(ctx, "gone", mark("gone")))
		require.NoError(t, c.DeleteExperiment(ctx, e.ID, mark("delete")))
		_, err = c.CreateRun(ctx, catalog.Run{UID: "late", ExperimentID: e.ID})
		require.ErrorIs(t, err, catalog.ErrInvalid)
		require.ErrorIs(t, c.RestoreRun(ctx, "gone", mark("too early")), catalog.ErrInvalid)
		require.ErrorIs(t, c.DeleteExperiment(ctx, e.ID, mark("delete again")), catalog.ErrInvalid)
		require.NoError(t, c.RestoreExperiment(ctx, e.ID, mark("restore")))
		kept, err := c.Run(ctx, "kept")
		require.NoError(t, err)
		require.Nil(t, kept.DeletedAt)
		gone, err := c.Run(ctx, "gone")
		require.NoError(t, err)
		require.NotNil(t, gone.DeletedAt)
		require.EqualValues(t, 4, intact(t, c))
	})
}

func TestDefaultExperimentStays(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		require.ErrorIs(t, c.DeleteExperiment(t.Context(), 0, mark("delete")), catalog.ErrInvalid)
	})
}

func TestBatchTwiceIsThereOnce(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		startRun(t, c, 0, "r")
		var b catalog.RunBatch
		for i := range 1200 { // more than one INSERT
			b.Metrics = append(b.Metrics, catalog.Metric{Key: fmt.Sprint("m", i%3), Value: float64(i), At: int64(i), Step: int64(i / 3)})
		}
		b.Metrics = append(b.Metrics, catalog.Metric{Key: "odd", Value: math.NaN()}, catalog.Metric{Key: "odd", Value: math.Inf(1), Step: -1}, catalog.Metric{Key: "odd", Value: math.NaN()})
		b.Params = []catalog.Pair{{Key: "p", Value: "1"}}
		b.Tags = []catalog.Pair{{Key: "t", Value: "a"}, {Key: "t", Value: "b"}}
		for range 2 {
			require.NoError(t, c.LogBatch(ctx, "r", b))
		}
		history, next, err := c.MetricHistory(ctx, "r", "m1", nil, 1000)
		require.NoError(t, err)
		require.Nil(t, next)
		require.Len(t, history, 400)
		odd, _, err := c.MetricHistory(ctx, "r", "odd", nil, 10)
		require.NoError(t, err)
		require.Len(t, odd, 2)
		require.True(t, math.IsInf(odd[0].Value, 1))
		require.True(t, math.IsNaN(odd[1].Value))
		r, err := c.Run(ctx, "r")
		require.NoError(t, err)
		require.Equal(t, []catalog.Pair{{Key: "mlflow.runName", Value: "name of r"}, {Key: "t", Value: "b"}}, r.Tags)
		require.Equal(t, 1197.0, r.Metrics[0].Value)
		require.True(t, math.IsNaN(r.Metrics[3].Value), "the latest by step")
		require.Zero(t, intact(t, c), "logging is not an event")
	})
}

func TestLatestPointIsThatOfTheHighestStepThenTimeThenValue(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		startRun(t, c, 0, "r")
		for i, m := range []struct {
			catalog.Metric
			latest float64
		}{
			{catalog.Metric{Step: 2, At: 5, Value: 1}, 1},
			{catalog.Metric{Step: 1, At: 9, Value: 7}, 1},
			{catalog.Metric{Step: 2, At: 4, Value: 8}, 1},
			{catalog.Metric{Step: 2, At: 5, Value: 0.5}, 1},
			{catalog.Metric{Step: 2, At: 5, Value: 1.5}, 1.5},
			{catalog.Metric{Step: 3, At: 0, Value: -1}, -1},
		} {
			m.Key = "m"
			require.NoError(t, c.LogBatch(t.Context(), "r", catalog.RunBatch{Metrics: []catalog.Metric{m.Metric}}))
			r, err := c.Run(t.Context(), "r")
			require.NoError(t, err)
			require.Equal(t, m.latest, r.Metrics[0].Value, i)
		}
	})
}

func TestBatchIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		startRun(t, c, 0, "r")
		require.NoError(t, c.LogBatch(ctx, "r", catalog.RunBatch{Params: []catalog.Pair{{Key: "p", Value: "1"}}}))
		err := c.LogBatch(ctx, "r", catalog.RunBatch{
			Params:  []catalog.Pair{{Key: "new", Value: "1"}, {Key: "p", Value: "2"}},
			Tags:    []catalog.Pair{{Key: "t", Value: "x"}},
			Metrics: []catalog.Metric{{Key: "m", Value: 1}},
		})
		require.ErrorIs(t, err, catalog.ErrInvalid)
		require.ErrorContains(t, err, "logging new value '2'")
		r, err := c.Run(ctx, "r")
		require.NoError(t, err)
		require.Equal(t, []catalog.Pair{{Key: "p", Value: "1"}}, r.Params)
		require.Len(t, r.Tags, 1)
		require.Empty(t, r.Metrics)
	})
}

// Writers of one run, each with all keys in an order of its own, neither wait in a
// circle nor lose a point.
func TestWritersOfOneRunDoNotStandInEachOthersWay(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		const writers, rounds, keys = 6, 10, 12
		startRun(t, open(), 0, "r")
		var all sync.WaitGroup
		errs := make(chan error, writers)
		for w := range writers {
			c := open()
			all.Add(1)
			go func() {
				defer all.Done()
				errs <- func() error {
					for round := range rounds {
						var b catalog.RunBatch
						for k := range keys {
							key := fmt.Sprint("k", (k*(w+1)+w)%(keys+1))
							b.Metrics = append(b.Metrics, catalog.Metric{Key: key, Value: float64(w), Step: int64(round), At: int64(w)})
							b.Tags = append(b.Tags, catalog.Pair{Key: key, Value: fmt.Sprint(w)})
							b.Params = append(b.Params, catalog.Pair{Key: key, Value: "same"})
						}
						if err := c.LogBatch(context.Background(), "r", b); err != nil {
							return err
						}
					}
					return nil
				}()
			}()
		}
		all.Wait()
		for range writers {
			require.NoError(t, <-errs)
		}
		c := open()
		r, err := c.Run(t.Context(), "r")
		require.NoError(t, err)
		points := 0
		for _, m := range r.Metrics {
			require.EqualValues(t, rounds-1, m.Step)
			history, _, err := c.MetricHistory(t.Context(), "r", m.Key, nil, 1000)
			require.NoError(t, err)
			points += len(history)
		}
		require.Equal(t, writers*rounds*keys, points)
	})
}

// Of writers of one param one value stands, and the others are told.
func TestParamIsWrittenOnce(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		const writers = 8
		c := open()
		startRun(t, c, 0, "r")
		errs := make([]error, writers)
		var all sync.WaitGroup
		for w := range writers {
			all.Add(1)
			go func() {
				defer all.Done()
				errs[w] = c.LogBatch(context.Background(), "r", catalog.RunBatch{Params: []catalog.Pair{{Key: "p", Value: fmt.Sprint(w)}}})
			}()
		}
		all.Wait()
		r, err := c.Run(t.Context(), "r")
		require.NoError(t, err)
		won := 0
		for w, err := range errs {
			if err == nil {
				won++
				require.Equal(t, fmt.Sprint(w), r.Params[0].Value)
				continue
			}
			require.ErrorIs(t, err, catalog.ErrInvalid)
		}
		require.Equal(t, 1, won)
	})
}

func TestHistoryInPages(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		startRun(t, c, 0, "r")
		var want []float64
		var b catalog.RunBatch
		for i := range 25 {
			v := float64(i)
			if i == 24 {
				v = math.Inf(1)
			}
			b.Metrics = append(b.Metrics, catalog.Metric{Key: "m", Value: v, Step: 7, At: int64(i / 10)})
			want = append(want, v)
		}
		require.NoError(t, c.LogBatch(t.Context(), "r", b))
		var got []float64
		var after *catalog.MetricPlace
		for {
			page, next, err := c.MetricHistory(t.Context(), "r", "m", after, 4)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), 4)
			for _, m := range page {
				got = append(got, m.Value)
			}
			if after = next; next == nil {
				break
			}
		}
		require.Equal(t, want, got)
		_, _, err := c.MetricHistory(t.Context(), "nobody", "m", nil, 4)
		require.ErrorIs(t, err, catalog.ErrNotFound)
	})
}

func TestChartKeepsTheEndsOfEachRun(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		for r, steps := range map[string][2]int64{"long": {0, 999}, "late": {501, 503}} {
			startRun(t, c, 0, r)
			var b catalog.RunBatch
			for s := steps[0]; s <= steps[1]; s++ {
				b.Metrics = append(b.Metrics, catalog.Metric{Key: "m", Value: float64(s), Step: s})
			}
			require.NoError(t, c.LogBatch(t.Context(), r, b))
		}
		steps := func(in catalog.MetricInterval) map[string][]int64 {
			in.Key = "m"
			points, err := c.MetricsAt(t.Context(), in)
			require.NoError(t, err)
			out := map[string][]int64{}
			for _, p := range points {
				out[p.Run] = append(out[p.Run], p.Step)
			}
			return out
		}
		some := steps(catalog.MetricInterval{Runs: []string{"long", "late", "nobody"}, Most: 5})
		require.Equal(t, []int64{0, 200, 400, 501, 503, 600, 800, 999}, some["long"])
		require.Equal(t, []int64{501, 503}, some["late"])
		from, to := int64(10), int64(12)
		require.Equal(t, map[string][]int64{"long": {10, 11, 12}}, steps(catalog.MetricInterval{Runs: []string{"long", "late"}, From: &from, To: &to, Most: 5}))
		require.Empty(t, steps(catalog.MetricInterval{Runs: []string{"nobody"}, Most: 5}))
	})
}

func TestInputThatIsAStoredDataVersionIsLinked(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		digest := "sha256:" + fmt.Sprintf("%064x", 7)
		_, _, err := c.SaveData(ctx, catalog.DataVersion{Name: "credit", Digest: digest, Files: []catalog.DataFile{{Path: "a.csv", Role: "train", Digest: digest, Size: 1}}}, mark("save"))
		require.NoError(t, err)
		startRun(t, c, 0, "r")
		in := []catalog.RunDataset{
			{Name: "stored", Digest: "d1", SourceType: "slipway", Source: `{"uri":"data/` + digest + `"}`, Tags: map[string]string{catalog.TagDataContext: "training"}},
			{Name: "elsewhere", Digest: "d2", SourceType: "http", Source: "sha256:" + fmt.Sprintf("%064x", 8)},
		}
		for range 2 {
			require.NoError(t, c.LinkRun(ctx, "r", in, nil))
		}
		r, err := c.Run(ctx, "r")
		require.NoError(t, err)
		require.Len(t, r.Inputs, 2)
		require.Equal(t, digest, r.Inputs[0].DataDigest)
		require.Equal(t, "training", r.Inputs[0].Tags[catalog.TagDataContext])
		require.Empty(t, r.Inputs[1].DataDigest)
		runs, err := c.RunsOfData(ctx, digest)
		require.NoError(t, err)
		require.Equal(t, []string{"r"}, runs)
	})
}

func TestArtifactPaths(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		put := func(path string) error {
			return c.SetTrackedFile(ctx, catalog.TrackedFile{Path: path, Tree: "tree of " + path, Digest: "d", Size: 1})
		}
		for _, path := range []string{"1/r/a/x", "1/r/a/y", "1/r/ab", "1/r/a0"} {
			require.NoError(t, put(path))
		}
		require.ErrorIs(t, put("1/r/a"), catalog.ErrConflict)
		require.ErrorIs(t, put("1/r/ab/c"), catalog.ErrConflict)
		below, err := c.TrackedFiles(ctx, "1/r/a")
		require.NoError(t, err)
		require.Len(t, below, 2)
		n, err := c.DeleteTrackedFiles(ctx, "1/r/a")
		require.NoError(t, err)
		require.Equal(t, 2, n)
		var roots []string
		for tree, err := range c.TrackedRoots(ctx) {
			require.NoError(t, err)
			roots = append(roots, tree)
		}
		require.Equal(t, []string{"tree of 1/r/a0", "tree of 1/r/ab"}, roots)
	})
}
