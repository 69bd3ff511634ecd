package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/stats"
)

// TestAgreesWithSciPy holds the second half of golden.csv, in three parts that
// are merged, against what SciPy says of it beside the first half.
func TestAgreesWithSciPy(t *testing.T) {
	t.Parallel()
	var want struct {
		Columns map[string]struct {
			Sum, Q90, Entropy, JSD, Wasserstein float64
			NullShare                           float64 `json:"null_share"`
			Z2                                  int64
			Chi2P                               float64 `json:"chi2_p"`
			KSP                                 float64 `json:"ks_p"`
			KSD                                 float64 `json:"ks_d"`
			NormalP                             float64 `json:"normal_p"`
		}
		Word struct {
			Entropy, JSD float64
			Chi2P        float64 `json:"chi2_p"`
			NewShare     float64 `json:"new_share"`
			CramersV     float64 `json:"cramers_v"`
			Depends      int64
		}
	}
	b, err := os.ReadFile(filepath.Join("testdata", "catalogue.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &want))
	_, csv := readGolden(t)
	table, err := ReadCSV(bytes.NewReader(csv), "golden.csv", CSVOptions{})
	require.NoError(t, err)
	half := table.Rows() / 2
	ref, err := ProfileOf(context.Background(), TableSource(table.Slice(0, half)), ProfileOptions{})
	require.NoError(t, err)
	s, err := ParseSchema("s.yaml", []byte(`
columns:
  - {name: normal, type: number, z_score: 2, jsd: 0}
  - {name: heavy, type: number, z_score: 2, jsd: 0}
  - {name: count, type: integer, z_score: 2, jsd: 0}
  - {name: gaps, type: number, nullable: true, z_score: 2, jsd: 0}
  - {name: word, type: category}
  - {name: day, type: date}
checks:
  - {cramers_v: {columns: [word, count], max: 1}}
  - {depends: {column: word, on: [day]}}
`))
	require.NoError(t, err)
	var parts []Part
	for _, cut := range [][2]int{{half, half + 111}, {half + 111, half + 640}, {half + 640, table.Rows()}} {
		part := table.Slice(cut[0], cut[1])
		parts = append(parts, Part{First: int64(cut[0] - half), Open: func() (Source, error) { return TableSource(part), nil }})
	}
	p := &partCheck{name: "second", parts: parts, schema: s, opts: CheckOptions{Reference: ref, Workers: 2}.withDefaults(), sizes: make([]int64, len(parts))}
	p.whole = newCheck(TableSource(table.Slice(0, 1)), s, p.opts)
	require.NoError(t, p.whole.prepare())
	require.NoError(t, p.run(context.Background()))

	const exact = 1e-9
	for _, c := range p.whole.scan.columns {
		of := ref.column(c.name)
		expected, found, _, problem := c.shares(of)
		if want, numeric := want.Columns[c.name]; numeric {
			require.Empty(t, problem)
			require.InEpsilon(t, want.Sum, c.moments.sum+c.moments.lost, exact)
			q, method := c.quantile(0.9)
			require.InEpsilon(t, want.Q90, q, exact)
			require.Equal(t, Exact, method)
			require.InDelta(t, want.NullShare, float64(c.nulls)/float64(c.rows), exact)
			entropy, err := stats.ShannonEntropy(c.counter.counts)
			require.NoError(t, err)
			require.InEpsilon(t, want.Entropy, entropy, exact)
			require.Equal(t, want.Z2, c.outliers(2, nil).rows)
			require.InEpsilon(t, want.JSD, jensenShannon(expected, found), exact)
			chi2, err := stats.ChiSquaredHomogeneity(stats.PoolRare(expected, found))
			require.NoError(t, err)
			require.InEpsilon(t, want.Chi2P, chi2.P, exact)
			v, problem := c.againstSample(of)
			require.Empty(t, problem)
			require.Equal(t, Exact, v.method)
			ks, err := stats.KS2(of.Sample, c.sample.values())
			require.NoError(t, err)
			require.InEpsilon(t, want.KSP, ks.P, exact)
			require.InEpsilon(t, want.KSD, ks.D, exact)
			w, err := stats.Wasserstein(of.Sample, c.sample.values())
			require.NoError(t, err)
			require.InEpsilon(t, want.Wasserstein, w, exact)
			cdf, err := stats.Law("normal", map[string]float64{"mean": 1e6, "std": 1e-3})
			require.NoError(t, err)
			fit, err := stats.KS1(c.sample.values(), cdf)
			require.NoError(t, err)
			require.InDelta(t, want.NormalP, fit.P, exact)
		}
		if c.name == "word" {
			entropy, err := stats.ShannonEntropy(c.counter.counts)
			require.NoError(t, err)
			require.InEpsilon(t, want.Word.Entropy, entropy, exact)
			require.InEpsilon(t, want.Word.JSD, jensenShannon(expected, found), exact)
			chi2, err := stats.ChiSquaredHomogeneity(stats.PoolRare(expected, found))
			require.NoError(t, err)
			require.InEpsilon(t, want.Word.Chi2P, chi2.P, exact)
			require.InDelta(t, want.Word.NewShare, float64(c.unknown(of, 1).rows)/float64(c.rows), exact)
		}
	}
	association := p.whole.scan.rows[0].test.(*associationTotal) //nolint:forcetypeassert,errcheck // the schema says so
	v, err := association.v()
	require.NoError(t, err)
	require.InEpsilon(t, want.Word.CramersV, v, exact)
	depends := p.whole.scan.rows[1].test.(*dependencyTotal) //nolint:forcetypeassert,errcheck // the schema says so
	require.Equal(t, want.Word.Depends, depends.verdict(nil, p.whole.scan.rows[1]).rows)
}
