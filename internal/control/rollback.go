package control

import (
	"net/http"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// rollbackReason begins the reason on record, so that the audit log tells a rollback from a promotion.
const rollbackReason = "roll back"

// rollBack puts a version that was in production before there again.
func (s *Server) rollBack(w http.ResponseWriter, r *http.Request) error {
	in, why, err := readMove(w, r)
	if err != nil {
		return err
	}
	if in.Reason == "" {
		return &problem{http.StatusBadRequest, "the rollback says not why", "send a \"reason\": it goes on record"}
	}
	why.Reason = rollbackReason + ": " + in.Reason
	move := catalog.Rollback{Name: r.PathValue("name"), To: in.Version}
	if in.Expect != nil {
		move.Expect = *in.Expect
	}
	route, err := s.cfg.Catalog.RollBackModel(r.Context(), move, why)
	if err != nil {
		return err
	}
	return writeJSON(w, route)
}
