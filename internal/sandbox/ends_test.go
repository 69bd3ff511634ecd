package sandbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnds(t *testing.T) {
	t.Parallel()
	letters := strings.Repeat("abcdefghij", 3*maxStderr/10)
	for name, size := range map[string]int{"bytes": 1, "odd pieces": 777, "pieces": maxStderr, "at once": len(letters)} {
		e := &ends{}
		for rest := letters; rest != ""; {
			n := min(size, len(rest))
			written, err := e.Write([]byte(rest[:n]))
			require.NoError(t, err)
			require.Equal(t, n, written)
			rest = rest[n:]
		}
		require.Equal(t, letters[:maxStderr]+"\n…\n"+letters[len(letters)-maxStderr:], e.String(), name)
	}
	e := &ends{}
	_, err := e.Write([]byte(letters[:2*maxStderr]))
	require.NoError(t, err)
	require.Equal(t, letters[:2*maxStderr], e.String(), "nothing is missing")
}
