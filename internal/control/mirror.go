package control

import (
	"net/http"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mirror"
)

// mirrorRoutes are the parts of the API that are about the mirror of runs.
func (s *Server) mirrorRoutes() map[string]handler {
	return map[string]handler{
		"GET /api/v1/mirror":        s.mirror,
		"POST /api/v1/mirror/retry": s.retryMirror,
		"DELETE /api/v1/mirror":     s.stopMirror,
	}
}

// mirrorAnswer is how far a mirror is, as it goes out.
type mirrorAnswer struct {
	catalog.MirrorStatus
	Troubles []mirrorTrouble `json:"troubles"`
}

// mirrorTrouble is a run that is not there as a whole.
type mirrorTrouble struct {
	Run string `json:"run"`
	// State is aside, failing or refused: given up, tried again, or there but for what was refused.
	State      string           `json:"state"`
	Remote     string           `json:"remote,omitempty"`
	Attempts   int64            `json:"attempts,omitempty"`
	RetryAt    time.Time        `json:"retry_at,omitzero"`
	Error      string           `json:"error,omitempty"`
	Refused    []mirror.Refusal `json:"refused,omitempty"`
	MirroredAt time.Time        `json:"mirrored_at,omitzero"`
}

func troubleOf(r catalog.MirrorRun) mirrorTrouble {
	t := mirrorTrouble{Run: r.Run, State: "refused", Remote: r.Remote, Attempts: r.Attempts, Error: r.LastError, Refused: mirror.Refusals(r), MirroredAt: r.MirroredAt}
	switch {
	case r.Aside:
		t.State = "aside"
	case r.Done < r.Rev && r.Attempts > 0:
		t.State, t.RetryAt = "failing", r.DueAt
	}
	return t
}

// mirror tells how far the mirror of runs is, and what it has trouble with.
func (s *Server) mirror(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	limit := q.number("limit", defaultLimit, maxLimit)
	if err := q.check(); err != nil {
		return err
	}
	status, err := s.cfg.Catalog.MirrorStatus(r.Context(), limit)
	if err != nil {
		return err
	}
	out := mirrorAnswer{MirrorStatus: status, Troubles: []mirrorTrouble{}}
	for _, run := range status.Troubles {
		out.Troubles = append(out.Troubles, troubleOf(run))
	}
	return writeJSON(w, out)
}

// retryMirror takes up again what was set aside or refused, of one run or of all.
func (s *Server) retryMirror(w http.ResponseWriter, r *http.Request) error {
	in, _, err := readMove(w, r)
	if err != nil {
		return err
	}
	n, err := s.cfg.Catalog.RetryMirrorRuns(r.Context(), in.Run)
	if err != nil {
		return err
	}
	return writeJSON(w, struct {
		Runs int64 `json:"runs"`
	}{n})
}

// stopMirror has changes of runs noted no longer.
func (s *Server) stopMirror(w http.ResponseWriter, r *http.Request) error {
	_, why, err := readMove(w, r)
	if err != nil {
		return err
	}
	if err := s.cfg.Catalog.StopMirror(r.Context(), why); err != nil {
		return err
	}
	return writeJSON(w, struct{}{})
}
