package main

import (
	"strings"

	"github.com/slipway-ml/slipway/internal/contract"
)

// releaseName names a release on the command line: MODEL/VERSION.
type releaseName struct{ model, version string }

func (n releaseName) String() string { return n.model + "/" + n.version }

// id is the workflow id of the release.
func (n releaseName) id() string { return contract.ReleaseID(n.model, n.version) }

// parseName reads MODEL/VERSION. The workflow id "release/MODEL/VERSION", as
// Temporal's UI shows it, is understood too.
func parseName(s string) (releaseName, error) {
	text := s
	if strings.Count(s, "/") == 2 { // a model may itself be called "release"
		text = strings.TrimPrefix(s, "release/")
	}
	model, version, _ := strings.Cut(text, "/")
	if !isSegment(model) || !isSegment(version) {
		return releaseName{}, usagef("%q does not name a release: write MODEL/VERSION, as credit-risk/1.1.0", clean(s))
	}
	return releaseName{model, version}, nil
}

// isSegment tells whether s can be a model's name or version, as the spec
// allows them: ^[a-z0-9][a-z0-9._-]{0,62}$.
func isSegment(s string) bool {
	if s == "" || len(s) > 63 || strings.ContainsRune("._-", rune(s[0])) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", r)
	})
}
