package mirror

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// sent is what is known of the other server's run, as the catalog keeps it.
// Its form is persisted: fields are added, never changed.
type sent struct {
	// Metrics has how much of each history is there: Points in all, up to and with Last.
	Metrics map[string]sentMetric `json:"metrics,omitempty"`
	// Tags are the keys of tags that came from here, Files the digests of artifacts by path.
	Tags  []string          `json:"tags,omitempty"`
	Files map[string]string `json:"files,omitempty"`
	// Deleted tells that it was deleted from here.
	Deleted bool      `json:"deleted,omitempty"`
	Refused []Refusal `json:"refused,omitempty"`
}

type sentMetric struct {
	Points int64               `json:"points"`
	Last   catalog.MetricPlace `json:"last"`
}

// Refusal is an item that the other server did not take. It is not sent again
// unless its value changes or someone asks for it.
type Refusal struct {
	Kind string `json:"kind"` // param, tag, metric, dataset or artifact
	Key  string `json:"key"`
	// Value is the beginning of the hexadecimal SHA-256 of the value; empty for a metric, all of whose points are left out.
	Value  string `json:"value,omitempty"`
	Reason string `json:"reason"`
}

// Refusals reads what was refused of a run; nil if nothing was or sent is not of this package.
func Refusals(run catalog.MirrorRun) []Refusal {
	s, err := readSent(run)
	if err != nil {
		return nil
	}
	return s.Refused
}

func readSent(run catalog.MirrorRun) (sent, error) {
	s := sent{}
	if len(run.Sent) > 0 {
		if err := json.Unmarshal(run.Sent, &s); err != nil {
			return s, fmt.Errorf("read what was mirrored of run %s: %w", run.Run, err)
		}
	}
	if s.Metrics == nil {
		s.Metrics = map[string]sentMetric{}
	}
	if s.Files == nil {
		s.Files = map[string]string{}
	}
	return s, nil
}

func valueOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:8])
}

// refused tells whether an item was refused before as it is now.
func (s *sent) refused(kind, key, value string) bool {
	return slices.ContainsFunc(s.Refused, func(r Refusal) bool { return r.Kind == kind && r.Key == key && r.Value == value })
}

// maxRefused bounds what is refused of one run: with more the whole run is at fault.
const maxRefused = 100

// refuse keeps an item apart.
func (s *sent) refuse(kind, key, value string, why error) error {
	s.Refused = slices.DeleteFunc(s.Refused, func(r Refusal) bool { return r.Kind == kind && r.Key == key })
	if len(s.Refused) >= maxRefused {
		return &asideError{fmt.Errorf("more than %d items are refused, the last one %s %q: %w", maxRefused, kind, key, why)}
	}
	s.Refused = append(s.Refused, Refusal{Kind: kind, Key: key, Value: value, Reason: clip(why.Error())})
	return nil
}
