package modeltest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/spec"
)

// The model "regression" answers a + 2b - d + 0.5 and looks at c not at all.
func TestMetamorphicRelationsOfARegression(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		relation spec.Metamorphic
		passed   bool
		reason   string
	}{
		"rises":             {spec.Metamorphic{Kind: spec.Monotone, Columns: []string{"b"}, Direction: spec.Increasing}, true, ""},
		"falls":             {spec.Metamorphic{Kind: spec.Monotone, Columns: []string{"d"}, Direction: spec.Decreasing}, true, ""},
		"the other way":     {spec.Metamorphic{Kind: spec.Monotone, Columns: []string{"d"}, Direction: spec.Increasing}, false, "300 of 300 rows break it"},
		"does not look":     {spec.Metamorphic{Kind: spec.Indifferent, Columns: []string{"c"}}, true, ""},
		"looks":             {spec.Metamorphic{Kind: spec.Indifferent, Columns: []string{"c", "a"}}, false, "a set to"},
		"a limit":           {spec.Metamorphic{Kind: spec.Indifferent, Columns: []string{"a"}, MaxViolations: 1}, true, ""},
		"stays":             {spec.Metamorphic{Kind: spec.Stable, Noise: 0.001, Tolerance: 0.1}, true, ""},
		"moves":             {spec.Metamorphic{Kind: spec.Stable, Columns: []string{"b"}, Noise: 0.1, Tolerance: 0.1}, false, "small noise"},
		"no such column":    {spec.Metamorphic{Kind: spec.Stable, Columns: []string{"e"}, Tolerance: 1}, false, "the spec asks for this, but test.csv has no column"},
		"column is a label": {spec.Metamorphic{Kind: spec.Indifferent, Columns: []string{"label"}}, false, "no input of the model"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := regression(t, regressionRows(300, func(float64) float64 { return 0 }))
			c.relation.Name = "it"
			in.Tests.Metamorphic = []spec.Metamorphic{c.relation}
			r := tested(t, in)
			got := named(t, r, c.relation.Kind+": it")
			require.Equal(t, c.passed, got.Passed, got.Error)
			require.Contains(t, got.Error, c.reason)
			for _, relation := range r.Metamorphic {
				require.Equal(t, 300, relation.Rows)
				require.LessOrEqual(t, len(relation.Samples), 5)
				for i, sample := range relation.Samples {
					require.Greater(t, sample.Line, 1, "the header is on line 1")
					if i > 0 {
						before := relation.Samples[i-1]
						require.LessOrEqual(t, abs(sample.After-sample.Before), abs(before.After-before.Before)+1e-12, "the largest first")
					}
				}
			}
		})
	}
}

func abs(v float64) float64 { return max(v, -v) }

// A model with one input a column, one of them words.
func TestMetamorphicRelationsOfAClassifier(t *testing.T) {
	t.Parallel()
	text := "colour,size,weight,label\n"
	for i := range 40 {
		text += []string{"red,0.5,1,1\n", "blue,-0.25,2,0\n"}[i%2]
	}
	in := input(t, "columns")
	in.Test, in.Tests.MinAccuracy = csv(t, "words.csv", text), 0
	in.Data.Sensitive = []string{"colour"}
	in.Tests.Metamorphic = []spec.Metamorphic{
		{Name: "colour", Kind: spec.Indifferent, Columns: []string{"colour"}},
		{Name: "size up", Kind: spec.Monotone, Columns: []string{"size"}, Direction: spec.Increasing, Class: "1"},
		{Name: "size down", Kind: spec.Monotone, Columns: []string{"size"}, Direction: spec.Decreasing, Class: "1"},
		{Name: "words", Kind: spec.Monotone, Columns: []string{"colour"}, Direction: spec.Increasing},
		{Name: "class", Kind: spec.Monotone, Columns: []string{"size"}, Direction: spec.Increasing, Class: "7"},
		{Name: "noise", Kind: spec.Stable},
	}
	r := tested(t, in)
	require.Equal(t, modeltest.StatusFailed, named(t, r, "indifferent: colour").Status)
	require.Equal(t, "colour changed", r.Metamorphic[0].Samples[0].Change, "no value of a personal column")
	up, down := named(t, r, "monotone: size up").Passed, named(t, r, "monotone: size down").Passed
	require.NotEqual(t, up, down, "a linear model goes one way")
	require.Contains(t, named(t, r, "monotone: words").Error, `column "colour" holds no numbers`)
	require.Contains(t, named(t, r, "monotone: class").Error, "there is no class 7")
	require.True(t, named(t, r, "stable: noise").Passed)
	body, err := json.Marshal(r.Metamorphic)
	require.NoError(t, err)
	require.NotContains(t, string(body), "blue")
}
