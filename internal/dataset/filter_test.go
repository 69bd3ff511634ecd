package dataset

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	table, err := ReadCSV(strings.NewReader("age,sex,paid,my column\n20,f,true,1.5\n30,m,false,\n25,,true,2\n"), "t.csv", CSVOptions{})
	require.NoError(t, err)
	for text, want := range map[string][]bool{
		"age < 26":                         {true, false, true},
		"age < 26 and sex == 'f'":          {true, false, false},
		"sex == nil":                       {false, false, true},
		"not paid":                         {false, true, false},
		`$env["my column"] >= 1.75`:        {false, false, true},
		"age % 2 == 0 or age * 2 + 1 > 60": {true, true, false},
	} {
		f, err := NewFilter(text)
		require.NoError(t, err, text)
		for i, w := range want {
			got, err := f.Match(table, i)
			require.NoError(t, err, text)
			require.Equal(t, w, got, "%s: row %d", text, i)
		}
	}
	for text, problem := range map[string]string{"age <": "condition", "1 < 2": "names no column", "len(map(1..9, #)) > age": "condition"} {
		_, err := NewFilter(text)
		require.ErrorContains(t, err, problem)
	}
	f, err := NewFilter("height > 1")
	require.NoError(t, err)
	require.Equal(t, []string{"height"}, f.Columns())
	_, err = f.Match(table, 0)
	require.ErrorIs(t, err, ErrNoColumn)
	f, err = NewFilter("sex > 1")
	require.NoError(t, err)
	_, err = f.Match(table, 0)
	require.ErrorContains(t, err, "line 2")
}

// No expression panics, and an error tells nothing of the values.
func FuzzFilter(f *testing.F) {
	table, err := ReadCSV(strings.NewReader("age,sex,paid\n20,qqzz,true\n30,,false\n,qqzz,\n"), "t.csv", CSVOptions{})
	require.NoError(f, err)
	for _, seed := range []string{"age < 26 and sex == 'f'", "sex == nil", "not paid", "age + sex > 1", "len(sex) > 1", "1 / age > 0", "$env[\"age\"] > 0", "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := NewFilter(text)
		if err != nil {
			return
		}
		for i := range table.Rows() {
			if _, err := filter.Match(table, i); err != nil && !strings.Contains(text, "qqzz") {
				require.NotContains(t, err.Error(), "qqzz")
			}
		}
	})
}
