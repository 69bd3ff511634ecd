package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want releaseName
		ok   bool
	}{
		{"credit-risk/1.1.0", releaseName{"credit-risk", "1.1.0"}, true},
		{"release/credit-risk/1.1.0", releaseName{"credit-risk", "1.1.0"}, true},
		{"release/1", releaseName{"release", "1"}, true},
		{"release/release/1", releaseName{"release", "1"}, true},
		{"a_b/" + strings.Repeat("x", 63), releaseName{"a_b", strings.Repeat("x", 63)}, true},
		{"a/" + strings.Repeat("x", 64), releaseName{}, false},
		{"", releaseName{}, false}, {"a", releaseName{}, false}, {"a/", releaseName{}, false}, {"/a", releaseName{}, false}, {"a/b/c", releaseName{}, false},
		{"A/1", releaseName{}, false}, {"a/-1", releaseName{}, false}, {"../1", releaseName{}, false}, {"a/1 ", releaseName{}, false}, {"ä/1", releaseName{}, false}, {"a/1\n", releaseName{}, false},
	} {
		got, err := parseName(c.text)
		require.Equal(t, c.ok, err == nil, "%q: %v", c.text, err)
		require.Equal(t, c.want, got, c.text)
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"credit-risk/1.1.0", "release/a/b", "release/a", "a//b", "\x1b[31m/1"} {
		f.Add(seed)
	}
	allowed := regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	f.Fuzz(func(t *testing.T, text string) {
		name, err := parseName(text)
		if err != nil {
			if strings.ContainsRune(err.Error(), '\x1b') {
				t.Fatalf("%q puts control characters into the error %q", text, err)
			}
			return
		}
		if !allowed.MatchString(name.model) || !allowed.MatchString(name.version) {
			t.Fatalf("%q became %+v", text, name)
		}
		if again, err := parseName(name.String()); err != nil || again != name {
			t.Fatalf("%q became %+v, which reads as %+v: %v", text, name, again, err)
		}
	})
}
