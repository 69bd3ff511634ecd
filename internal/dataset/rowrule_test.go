package dataset

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRulesByColumnAndByRowAgree holds the computation by column against the expression machine.
func TestRulesByColumnAndByRowAgree(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var csv strings.Builder
	csv.WriteString("i,x,b,d,w\n")
	for range 500 {
		x := fmt.Sprint(float64(rng.IntN(7)) / 2)
		if rng.IntN(9) == 0 {
			x = ""
		}
		fmt.Fprintf(&csv, "%d,%s,%v,2024-01-%02d,%s\n", rng.IntN(9)-4, x, rng.IntN(2) == 0, 1+rng.IntN(28), []string{"u", "v"}[rng.IntN(2)])
	}
	for rule, byColumn := range map[string]bool{
		"i < x":                         true,
		"i + 1.5 * x >= 2 and not b":    true,
		"-i / 2 == x or i != 3 && b":    true,
		"!(i <= x - 1) || b":            true,
		"d < d or i > 0":                true,
		"i % 2 == 0":                    false,
		"w == 'u' or i > 0":             false,
		"w in ['v'] and abs(i) > 1":     false,
		"x == nil or i > 0":             false,
		"b ? i > 0 : i < 0":             false,
		"w matches '^u$' or len(w) > 1": false,
	} {
		counts := [2]int{}
		for k := range counts {
			s, err := ParseSchema("s.yaml", []byte(`
columns: [{name: i, type: integer}, {name: x, type: number, nullable: true}, {name: b, type: boolean}, {name: d, type: date}, {name: w, type: string}]
checks: [{rule: "`+rule+`"}]
`))
			require.NoError(t, err, rule)
			text := csv.String()
			src, err := NewSource(strings.NewReader(text), int64(len(text)), "t.csv", SourceOptions{})
			require.NoError(t, err)
			c := &check{schema: s, opts: CheckOptions{}.withDefaults(), matched: map[*Rule]int{}}
			c.scan = &scan{src: src, distinct: newRowSet()}
			require.NoError(t, c.prepare())
			require.Equal(t, byColumn, c.scan.rows[0].vector != nil, rule)
			if k == 1 {
				c.scan.rows[0].vector = nil
			}
			require.NoError(t, c.scan.run(context.Background()))
			c.conclude()
			require.NoError(t, c.scan.rows[0].err)
			for _, f := range c.report.Failures {
				counts[k] = f.Rows
			}
		}
		require.Equal(t, counts[0], counts[1], rule)
		require.Positive(t, counts[0], rule)
	}
}
