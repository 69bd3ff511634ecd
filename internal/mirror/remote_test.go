package mirror

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow/wire"
)

func TestProxied(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"mlflow-artifacts:/1/r/artifacts": "1/r/artifacts", "mlflow-artifacts://host:80/1/r/": "1/r", "mlflow-artifacts:///1": "1", "mlflow-artifacts:/": "",
	} {
		got, ok := proxied(uri)
		require.True(t, ok, uri)
		require.Equal(t, want, got, uri)
	}
	for _, uri := range []string{"", "s3://b/x", "file:///x", "/x", "https://host/api/2.0/mlflow-artifacts/artifacts/1"} {
		_, ok := proxied(uri)
		require.False(t, ok, uri)
	}
}

// FuzzProxied: whatever the other server says, the path is below the proxy.
func FuzzProxied(f *testing.F) {
	for _, seed := range []string{"mlflow-artifacts:/1/r", "mlflow-artifacts://h/1", "s3://x", "mlflow-artifacts:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if path, ok := proxied(uri); ok {
			require.False(t, strings.HasPrefix(path, "/"))
		}
	})
}

func TestPlacesAreThoseOfBothServers(t *testing.T) {
	t.Parallel()
	at := func(v float64) place { return placeOf(point{Value: wire.Float(v), Step: 1, Timestamp: 2}) }
	require.Equal(t, at(math.NaN()), at(math.NaN()))
	require.NotEqual(t, at(math.NaN()), at(0))
	require.Equal(t, at(math.Inf(1)), at(math.MaxFloat64))
	require.Equal(t, at(math.Inf(-1)), at(-math.MaxFloat64))
	require.Equal(t, at(0), at(math.Copysign(0, -1)))
	require.NotEqual(t, at(1), at(math.Nextafter(1, 2)))
}

func TestStateThatIsNotOursIsAnError(t *testing.T) {
	t.Parallel()
	_, err := readSent(catalog.MirrorRun{Run: "r", Sent: []byte("{")})
	require.ErrorContains(t, err, "run r")
	require.Nil(t, Refusals(catalog.MirrorRun{Sent: []byte("[]")}))
	s, err := readSent(catalog.MirrorRun{})
	require.NoError(t, err)
	no := errors.New("no")
	for i := range maxRefused {
		require.NoError(t, s.refuse("param", strings.Repeat("x", i+1), "", no))
	}
	require.NoError(t, s.refuse("param", "x", "", no), "the same again is one")
	var apart *asideError
	require.ErrorAs(t, s.refuse("tag", "one too many", "", no), &apart)
}
