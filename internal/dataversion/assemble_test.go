package dataversion

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
)

func TestTreePaths(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ paths, want []string }{
		"beside the spec":     {[]string{"train.csv", "test.csv"}, []string{"train.csv", "test.csv"}},
		"in a folder":         {[]string{"data/train.csv", "./data/test.csv"}, []string{"train.csv", "test.csv"}},
		"at several depths":   {[]string{"data/a/train.csv", "data/test.csv"}, []string{"a/train.csv", "test.csv"}},
		"apart":               {[]string{"a/train.csv", "b/test.csv"}, []string{"a/train.csv", "b/test.csv"}},
		"alike at the start":  {[]string{"data1/x.csv", "data2/x.csv"}, []string{"data1/x.csv", "data2/x.csv"}},
		"elsewhere":           {[]string{"../data/train.csv", "../data/x/test.csv"}, []string{"train.csv", "x/test.csv"}},
		"absolute":            {[]string{"/srv/data/train.csv", "/srv/data/test.csv"}, []string{"train.csv", "test.csv"}},
		"one file":            {[]string{"data/all.csv", "data/all.csv"}, []string{"all.csv", "all.csv"}},
		"in a folder and out": {[]string{"../train.csv", "test.csv"}, []string{"train/train.csv", "test/test.csv"}},
		"absolute and not":    {[]string{"/srv/train.csv", "test.csv"}, []string{"train/train.csv", "test/test.csv"}},
		"out of the root":     {[]string{"/../../etc/passwd", "test.csv"}, []string{"train/passwd", "test/test.csv"}},
		"a folder as a file":  {[]string{"..", "test.csv"}, []string{"train/file", "test/test.csv"}},
	} {
		var parts []Part
		for i, p := range c.paths {
			content := p
			if name == "one file" {
				content = "same"
			}
			parts = append(parts, Part{Role: []string{"train", "test"}[i], Path: p, Digest: artifacts.DigestOf([]byte(content))})
		}
		require.Equal(t, c.want, treePaths(parts), name)
	}
	two := []Part{{Role: "train", Path: "x.csv", Digest: artifacts.DigestOf([]byte("a"))}, {Role: "test", Path: "x.csv", Digest: artifacts.DigestOf([]byte("b"))}}
	require.Equal(t, []string{"train/x.csv", "test/x.csv"}, treePaths(two), "a hand-written input with one path for two files")
}
