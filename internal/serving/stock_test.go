package serving

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

func TestParseStock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		texts []string
		want  Stock
		words string
	}{
		{nil, Stock{}, ""},
		{[]string{"R1=10", "R2=5@cuda:0", "R2=8@cuda:1", "R3=2@all"}, Stock{"R1": {"": 10}, "R2": {"cuda": 5, "cuda:1": 8}, "R3": {"all": 2}}, ""},
		{[]string{"r=1", "r=2@cpu"}, Stock{"r": {"": 1, "cpu": 2}}, ""},
		{[]string{"r"}, nil, "want NAME=COUNT"},
		{[]string{"=1"}, nil, "is not a name"},
		{[]string{"-r=1"}, nil, "is not a name"},
		{[]string{"r=0"}, nil, "is not a whole number from 1 to 1048576"},
		{[]string{"r=1048577"}, nil, "is not a whole number"},
		{[]string{"r=1.5"}, nil, "is not a whole number"},
		{[]string{"r=1@"}, nil, "is not all, cpu, cuda or cuda:N"},
		{[]string{"r=1@auto"}, nil, "is not all, cpu, cuda or cuda:N"},
		{[]string{"r=1@tpu"}, nil, "is not all, cpu, cuda or cuda:N"},
		{[]string{"r=1", "r=1"}, nil, "counted before"},
		{[]string{"r=1@cuda", "r=1@cuda:0"}, nil, "counted before"},
		{[]string{"r=1", "r=1@all"}, nil, "either one for all devices"},
		{[]string{"r=1@all", "r=1@cpu"}, nil, "either one for all devices"},
	} {
		got, err := ParseStock(c.texts)
		if c.words != "" {
			require.ErrorContains(t, err, c.words, c.texts)
			continue
		}
		require.NoError(t, err, c.texts)
		require.Equal(t, c.want, got)
	}
}

// What is taken means what it says: every need that the stock has room for joins, the next larger one does not.
func FuzzParseStock(f *testing.F) {
	for _, seed := range [][2]string{{"r=1", "R2=5@cuda:1"}, {"r=1@all", "r=2"}, {"a=1048576@cpu", "="}, {"a==1", "a=1@@"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		stock, err := ParseStock([]string{one, two})
		if err != nil {
			return
		}
		for name, places := range stock {
			require.True(t, spec.IsResource(name))
			for place, n := range places {
				require.True(t, n >= 1 && n <= maxStock)
				device := place
				if place == Everywhere {
					device = "cpu"
				}
				require.NoError(t, stock.enough(spec.Resources{name: n}, device))
				require.Error(t, stock.enough(spec.Resources{name: n + 1}, device))
			}
		}
	})
}
