package catalog_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func by(kind catalog.FieldKind, key string) catalog.Field {
	return catalog.Field{Kind: kind, Key: key}
}

// searched fills an experiment with runs 0 to 29: metric "score" of 0 to 23 (NaN of
// 20, infinite of 21), param "group" of five values, tag "even" of every second run.
func searched(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	for i := range 30 {
		r := catalog.Run{UID: fmt.Sprintf("r%02d", i), StartedAt: int64(1000 + i/2), Name: fmt.Sprint("Run_", i), Params: []catalog.Pair{{Key: "group", Value: fmt.Sprint("g", i%5)}}}
		if i < 24 {
			m := catalog.Metric{Key: "score", Value: float64(i % 7)}
			switch i {
			case 20:
				m.Value = math.NaN()
			case 21:
				m.Value = math.Inf(1)
			}
			r.Metrics = []catalog.Metric{m}
		}
		if i%2 == 0 {
			r.Tags = []catalog.Pair{{Key: "even", Value: "yes"}}
			end := int64(2000 + i)
			r.EndedAt = &end
		}
		_, err := c.CreateRun(t.Context(), r)
		require.NoError(t, err)
	}
}

// Every order gives the same runs in pages as at once, whatever is equal, missing, NaN or infinite.
func TestPagesOfASearchAreTheWhole(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		searched(t, c)
		for name, order := range map[string][]catalog.SortKey{
			"default":      nil,
			"metric":       {{Field: by(catalog.FieldMetric, "score")}},
			"metric desc":  {{Field: by(catalog.FieldMetric, "score"), Desc: true}},
			"param, name":  {{Field: by(catalog.FieldParam, "group"), Desc: true}, {Field: by(catalog.FieldAttribute, "run_name")}},
			"tag":          {{Field: by(catalog.FieldTag, "even")}},
			"end desc":     {{Field: by(catalog.FieldAttribute, "end_time"), Desc: true}},
			"start":        {{Field: by(catalog.FieldAttribute, "start_time")}},
			"unknown":      {{Field: by(catalog.FieldMetric, "nobody logged this")}},
			"two metrics":  {{Field: by(catalog.FieldMetric, "score")}, {Field: by(catalog.FieldMetric, "score"), Desc: true}},
			"metric, many": {{Field: by(catalog.FieldMetric, "score"), Desc: true}, {Field: by(catalog.FieldTag, "even")}, {Field: by(catalog.FieldParam, "group")}},
		} {
			q := catalog.TrackedQuery{Experiments: []int64{0}, Order: order, Limit: 100}
			whole, next, err := c.SearchRuns(t.Context(), q)
			require.NoError(t, err, name)
			require.Nil(t, next)
			require.Len(t, whole, 30, name)
			for _, size := range []int{1, 4, 29, 30} {
				var paged []catalog.Run
				q.After, q.Limit = nil, size
				for {
					page, next, err := c.SearchRuns(t.Context(), q)
					require.NoError(t, err, name)
					require.LessOrEqual(t, len(page), size)
					paged = append(paged, page...)
					if q.After = next; next == nil {
						break
					}
				}
				require.Equal(t, uids(whole), uids(paged), "%s, pages of %d", name, size)
			}
		}
	})
}

func uids(runs []catalog.Run) []string {
	out := make([]string, len(runs))
	for i, r := range runs {
		out[i] = r.UID
	}
	return out
}

func TestOrderPutsWhatIsMissingLast(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		searched(t, c)
		for _, desc := range []bool{false, true} {
			found, _, err := c.SearchRuns(t.Context(), catalog.TrackedQuery{Experiments: []int64{0}, Limit: 100, Order: []catalog.SortKey{{Field: by(catalog.FieldMetric, "score"), Desc: desc}}})
			require.NoError(t, err)
			require.Equal(t, "r20", found[23].UID, "NaN after all numbers")
			require.Equal(t, []string{"r28", "r29", "r26", "r27", "r24", "r25"}, uids(found[24:]), "then what has no such metric, the newest first")
		}
	})
}

func TestConditions(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		searched(t, c)
		metric, param, tag, attribute := by(catalog.FieldMetric, "score"), by(catalog.FieldParam, "group"), by(catalog.FieldTag, "even"), by(catalog.FieldAttribute, "run_name")
		for name, test := range map[string]struct {
			conditions []catalog.Condition
			want       func(i int) bool
		}{
			"metric over":      {[]catalog.Condition{{Field: metric, Op: ">", Number: 4}}, func(i int) bool { return i < 24 && i != 20 && (i == 21 || i%7 > 4) }},
			"metric not":       {[]catalog.Condition{{Field: metric, Op: "!=", Number: 4}}, func(i int) bool { return i < 24 && (i == 20 || i == 21 || i%7 != 4) }},
			"metric null":      {[]catalog.Condition{{Field: metric, Op: "IS NULL"}}, func(i int) bool { return i >= 24 }},
			"param is":         {[]catalog.Condition{{Field: param, Op: "=", Texts: []string{"g2"}}}, func(i int) bool { return i%5 == 2 }},
			"param not":        {[]catalog.Condition{{Field: param, Op: "!=", Texts: []string{"g2"}}}, func(i int) bool { return i%5 != 2 }},
			"param in":         {[]catalog.Condition{{Field: param, Op: "IN", Texts: []string{"g2", "g4"}}}, func(i int) bool { return i%5 == 2 || i%5 == 4 }},
			"tag there":        {[]catalog.Condition{{Field: tag, Op: "IS NOT NULL"}}, func(i int) bool { return i%2 == 0 }},
			"tag not there":    {[]catalog.Condition{{Field: tag, Op: "IS NULL"}}, func(i int) bool { return i%2 == 1 }},
			"name like":        {[]catalog.Condition{{Field: attribute, Op: "LIKE", Texts: []string{"Run_1_"}}}, func(i int) bool { return i >= 10 && i < 20 }},
			"name like, case":  {[]catalog.Condition{{Field: attribute, Op: "LIKE", Texts: []string{"run%"}}}, func(int) bool { return false }},
			"name ilike":       {[]catalog.Condition{{Field: attribute, Op: "ILIKE", Texts: []string{"RUN%7"}}}, func(i int) bool { return i%10 == 7 }},
			"nothing special":  {[]catalog.Condition{{Field: attribute, Op: "LIKE", Texts: []string{"Run_[1]*"}}}, func(int) bool { return false }},
			"three":            {[]catalog.Condition{{Field: metric, Op: "<=", Number: 3}, {Field: param, Op: "=", Texts: []string{"g0"}}, {Field: tag, Op: "=", Texts: []string{"yes"}}}, func(i int) bool { return i < 24 && i%7 <= 3 && i%5 == 0 && i%2 == 0 && i != 20 }},
			"the same twice":   {[]catalog.Condition{{Field: metric, Op: ">", Number: 1}, {Field: metric, Op: "<", Number: 3}}, func(i int) bool { return i < 24 && i%7 == 2 && i != 20 && i != 21 }},
			"start":            {[]catalog.Condition{{Field: by(catalog.FieldAttribute, "start_time"), Op: "<", Number: 1002}}, func(i int) bool { return i < 4 }},
			"a quote, a value": {[]catalog.Condition{{Field: attribute, Op: "=", Texts: []string{"' OR 1=1 --"}}}, func(int) bool { return false }},
		} {
			found, _, err := c.SearchRuns(t.Context(), catalog.TrackedQuery{Experiments: []int64{0}, Conditions: test.conditions, Limit: 100})
			require.NoError(t, err, name)
			var want []string
			for i := range 30 {
				if test.want(i) {
					want = append(want, fmt.Sprintf("r%02d", i))
				}
			}
			got := uids(found)
			slices.Sort(got)
			require.ElementsMatch(t, want, got, name)
		}
	})
}

func TestSearchRefusesWhatCannotBe(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		searched(t, c)
		for name, q := range map[string]catalog.TrackedQuery{
			"attribute":     {Conditions: []catalog.Condition{{Field: by(catalog.FieldAttribute, "id); DROP TABLE runs"), Op: "=", Texts: []string{"x"}}}},
			"operator":      {Conditions: []catalog.Condition{{Field: by(catalog.FieldParam, "p"), Op: "= 1 OR 1 =", Texts: []string{"x"}}}},
			"text, number":  {Conditions: []catalog.Condition{{Field: by(catalog.FieldMetric, "m"), Op: "LIKE", Texts: []string{"x"}}}},
			"order":         {Order: []catalog.SortKey{{Field: by(catalog.FieldAttribute, "nothing")}}},
			"short token":   {After: catalog.SearchPlace{"i1"}},
			"another token": {After: catalog.SearchPlace{"sx", "sy"}},
			"no number":     {After: catalog.SearchPlace{"ix", "sy"}},
		} {
			q.Experiments, q.Limit = []int64{0}, 10
			_, _, err := c.SearchRuns(t.Context(), q)
			require.ErrorIs(t, err, catalog.ErrInvalid, name)
		}
	})
}

func TestSearchByExistenceAndExperiment(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		other, err := c.CreateExperiment(ctx, catalog.Experiment{Name: "other", Tags: map[string]string{"team": "a"}}, mark("create"))
		require.NoError(t, err)
		startRun(t, c, 0, "here")
		startRun(t, c, 0, "deleted")
		startRun(t, c, other.ID, "there")
		require.NoError(t, c.DeleteRun(ctx, "deleted", mark("delete")))
		for name, test := range map[string]struct {
			q    catalog.TrackedQuery
			want []string
		}{
			"active":  {catalog.TrackedQuery{Experiments: []int64{0, other.ID}}, []string{"here", "there"}},
			"deleted": {catalog.TrackedQuery{Experiments: []int64{0}, Existence: catalog.Deleted}, []string{"deleted"}},
			"all":     {catalog.TrackedQuery{Experiments: []int64{0}, Existence: catalog.All}, []string{"deleted", "here"}},
			"none":    {catalog.TrackedQuery{}, []string{}},
		} {
			test.q.Limit = 10
			found, _, err := c.SearchRuns(ctx, test.q)
			require.NoError(t, err, name)
			require.Equal(t, test.want, uids(found), name)
		}
		found, _, err := c.SearchExperiments(ctx, catalog.TrackedQuery{Conditions: []catalog.Condition{{Field: by(catalog.FieldTag, "team"), Op: "=", Texts: []string{"a"}}}, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, []catalog.Experiment{found[0]}, found)
		require.Equal(t, map[string]string{"team": "a"}, found[0].Tags)
	})
}

func TestLoggedModels(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		startRun(t, c, 0, "r")
		for i := range 3 {
			id := fmt.Sprint("m-", i)
			_, err := c.CreateLoggedModel(ctx, catalog.LoggedModel{UID: id, Name: "model", SourceRun: "r", Params: []catalog.Pair{{Key: "depth", Value: fmt.Sprint(i)}}})
			require.NoError(t, err)
			require.NoError(t, c.LogBatch(ctx, "r", catalog.RunBatch{Metrics: []catalog.Metric{
				{Key: "acc", Value: float64(i) / 10, ModelID: id, DatasetName: "test", DatasetDigest: "d"},
				{Key: "acc", Value: float64(9-i) / 10, At: 1, ModelID: id, DatasetName: "train", DatasetDigest: "d"},
			}}))
		}
		ids := func(q catalog.TrackedQuery) []string {
			q.Experiments, q.Limit = []int64{0}, 10
			found, _, err := c.SearchLoggedModels(ctx, q)
			require.NoError(t, err)
			var out []string
			for _, m := range found {
				out = append(out, m.UID)
			}
			return out
		}
		acc := catalog.Field{Kind: catalog.FieldMetric, Key: "acc"}
		onTest := catalog.Field{Kind: catalog.FieldMetric, Key: "acc", DatasetName: "test"}
		require.Equal(t, []string{"m-2", "m-1", "m-0"}, ids(catalog.TrackedQuery{Order: []catalog.SortKey{{Field: onTest, Desc: true}}}))
		require.Equal(t, []string{"m-0", "m-1", "m-2"}, ids(catalog.TrackedQuery{Order: []catalog.SortKey{{Field: acc, Desc: true}}}), "the latest over data sets")
		require.Equal(t, []string{"m-2"}, ids(catalog.TrackedQuery{Conditions: []catalog.Condition{{Field: onTest, Op: ">", Number: 0.15}}}))
		require.Len(t, ids(catalog.TrackedQuery{Conditions: []catalog.Condition{{Field: acc, Op: ">", Number: 0.15}}}), 3, "on any data set")

		m, err := c.FinishLoggedModel(ctx, "m-1", catalog.LoggedModelReady)
		require.NoError(t, err)
		require.Equal(t, catalog.LoggedModelReady, m.Status)
		require.Len(t, m.Metrics, 2)
		require.ErrorIs(t, c.AddLoggedModelParams(ctx, "m-1", []catalog.Pair{{Key: "depth", Value: "9"}}), catalog.ErrInvalid)
		require.NoError(t, c.LinkRun(ctx, "r", nil, []catalog.RunModel{{ModelID: "m-1", Kind: catalog.RunModelOutput}}))
		require.NoError(t, c.DeleteLoggedModel(ctx, "m-1"))
		_, err = c.LoggedModel(ctx, "m-1", false)
		require.ErrorIs(t, err, catalog.ErrNotFound)
		require.ErrorIs(t, c.LogBatch(ctx, "r", catalog.RunBatch{Metrics: []catalog.Metric{{Key: "acc", ModelID: "m-nobody"}}}), catalog.ErrNotFound)
	})
}
