package dataversion_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataversion"
)

// What is written as CSV is read back as it was, whatever stands in names and cells.
func TestColumnsAreEscaped(t *testing.T) {
	each(t, func(t *testing.T, l *dataversion.Library) {
		rows := [][]string{
			{`say "x"`, "it's", "=A1", "plain"}, // no comma or new line: the separator is told from the first line
			{"1,2\t3", `"`, "=cmd|' /C calc'!A0", ""},
			{"", "\r\nx", "\ttab\t", " "},
			{"; drop", "", "é\u2028", ""},
		}
		for name, comma := range map[string]rune{"t.csv": ',', "t.tsv": '\t'} {
			var text strings.Builder
			w := csv.NewWriter(&text)
			w.Comma = comma
			require.NoError(t, w.WriteAll(rows))
			added, err := l.Add(t.Context(), write(t, map[string]string{name: text.String()}), dataversion.NewVersion{Name: "escapes"}, mark("add "+name), nil)
			require.NoError(t, err)
			for _, columns := range [][]int{{0, 1, 2, 3}, {2, 0}, {1}, {3}} {
				want := make([][]string, len(rows))
				for i, row := range rows {
					for _, c := range columns {
						want[i] = append(want[i], strings.ReplaceAll(row[c], "\r\n", "\n"))
					}
				}
				to := t.TempDir()
				require.NoError(t, l.Get(t.Context(), added.Version, dataversion.Selection{Columns: pick(rows[0], columns)}, to, nil))
				f, err := os.Open(filepath.Join(to, name))
				require.NoError(t, err)
				r := csv.NewReader(f)
				r.Comma = comma
				got, err := r.ReadAll()
				require.NoError(t, err)
				require.NoError(t, f.Close())
				require.Equal(t, want, got, "%s, columns %v", name, columns)
			}
		}
	})
}

func pick(row []string, columns []int) (out []string) {
	for _, c := range columns {
		out = append(out, row[c])
	}
	return out
}
