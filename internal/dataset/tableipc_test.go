package dataset_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

func TestTableCrossesProcesses(t *testing.T) {
	t.Parallel()
	for name, csv := range map[string]string{
		"kinds":   "i,n,b,s\n1,1.5,true,x\n,,,\n-3,2,false,\"two\nlines\"\n4,0.1,true,y\n",
		"no rows": "a,line\n",
	} {
		want, err := dataset.ReadCSV(strings.NewReader(csv), name, dataset.CSVOptions{})
		require.NoError(t, err)
		b, err := want.MarshalBinary()
		require.NoError(t, err)
		got, err := dataset.UnmarshalTable(b)
		require.NoError(t, err)
		require.Equal(t, want.Name(), got.Name())
		require.Equal(t, want.Columns(), got.Columns())
		require.Equal(t, want.Rows(), got.Rows())
		for i := range want.Rows() {
			require.Equal(t, want.Row(i), got.Row(i))
			require.Equal(t, want.Line(i), got.Line(i))
		}
		part, err := want.Slice(want.Rows()/2, want.Rows()).MarshalBinary()
		require.NoError(t, err)
		half, err := dataset.UnmarshalTable(part)
		require.NoError(t, err)
		require.Equal(t, want.Rows()-want.Rows()/2, half.Rows())
		if half.Rows() > 0 {
			require.Equal(t, want.Row(want.Rows()-1), half.Row(half.Rows()-1))
		}
		_, err = dataset.UnmarshalTable(b[:len(b)/2])
		require.Error(t, err)
	}
	_, err := dataset.UnmarshalTable([]byte("no stream"))
	require.Error(t, err)
}
