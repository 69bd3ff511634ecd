package control

import (
	"net/http"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/registry"
)

// pageVersions is how many versions a model's page lists.
const pageVersions = 200

// modelPage shows a model: what is in production, its versions and all moves, newest first.
func (s *Server) modelPage(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), r.PathValue("name")
	page := struct {
		frame
		Model      catalog.RegisteredModel
		Production string
		Versions   []catalog.Model
		Moves      []catalog.ModelMove
	}{frame: frame{Title: name, UI: s.cfg.UI}}
	var err error
	if page.Model, err = s.cfg.Catalog.RegisteredModel(ctx, name); err != nil {
		return err
	}
	if page.Versions, err = s.cfg.Catalog.Models(ctx, catalog.ModelFilter{Name: name, Limit: pageVersions}); err != nil {
		return err
	}
	moves, err := s.cfg.Catalog.ModelHistory(ctx, name)
	if err != nil {
		return err
	}
	for i := len(moves) - 1; i >= 0 && len(page.Moves) < eventPage; i-- {
		page.Moves = append(page.Moves, moves[i])
	}
	for _, m := range page.Model.Latest {
		if m.Stage == catalog.StageProduction {
			page.Production = m.Version
		}
	}
	return s.write(w, "model", page)
}

// versionPage shows a version and what it was made from.
func (s *Server) versionPage(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	page := struct {
		frame
		Version catalog.Model
		Lineage registry.Lineage
	}{frame: frame{Title: m.Name + " " + m.Version, UI: s.cfg.UI}, Version: m}
	if page.Lineage, err = s.registry.Lineage(r.Context(), m); err != nil {
		return err
	}
	return s.write(w, "version", page)
}

// comparePage shows how two versions differ.
func (s *Server) comparePage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.comparison(r)
	if err != nil {
		return err
	}
	return s.write(w, "compare", struct {
		frame
		registry.Comparison
	}{frame{Title: c.A.Name + " " + c.A.Version + " and " + c.B.Version, UI: s.cfg.UI}, c})
}
