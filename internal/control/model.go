package control

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/registry"
	"github.com/slipway-ml/slipway/internal/spec"
)

// modelRoutes are the parts of the API that are about registered models.
func (s *Server) modelRoutes() map[string]handler {
	return map[string]handler{
		"GET /api/v1/models":                           s.models,
		"GET /api/v1/models/{name}/history":            s.history,
		"GET /api/v1/models/{name}/moves":              s.moves,
		"GET /api/v1/production/{name}":                s.production,
		"GET /api/v1/models/{name}/aliases":            s.aliases,
		"GET /api/v1/models/{name}/compare":            s.compare,
		"GET /api/v1/models/{name}/{version}":          s.model,
		"GET /api/v1/models/{name}/{version}/lineage":  s.lineage,
		"GET /api/v1/models/{name}/{version}/files":    s.modelFiles,
		"PUT /api/v1/models/{name}/aliases/{alias}":    s.moveAlias,
		"DELETE /api/v1/models/{name}/aliases/{alias}": s.removeAlias,
		"POST /api/v1/models/{name}/{version}/stage":   s.moveStage,
		"POST /api/v1/models/{name}/rollback":          s.rollBack,
		"GET /api/v1/webhooks":                         s.webhooks,
		"GET /models/{name}":                           s.modelPage,
		"GET /models/{name}/compare":                   s.comparePage,
		"GET /models/{name}/{version}":                 s.versionPage,
	}
}

// find is the version that a path names: by version, alias or "latest".
func (s *Server) find(r *http.Request) (catalog.Model, error) {
	return s.registry.Find(r.Context(), r.PathValue("name")+"@"+r.PathValue("version"))
}

func (s *Server) models(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	f := catalog.ModelFilter{Name: q.text("name"), Stage: q.text("stage"), Limit: q.number("limit", defaultLimit, maxLimit)}
	if err := q.check(); err != nil {
		return err
	}
	found, err := s.cfg.Catalog.Models(r.Context(), f)
	return writeList(w, "models", found, err)
}

func (s *Server) model(w http.ResponseWriter, r *http.Request) error {
	found, err := s.find(r)
	if err != nil {
		return err
	}
	return writeJSON(w, found)
}

func (s *Server) history(w http.ResponseWriter, r *http.Request) error {
	found, err := s.cfg.Catalog.StageHistory(r.Context(), r.PathValue("name"))
	return writeList(w, "events", found, err)
}

func (s *Server) moves(w http.ResponseWriter, r *http.Request) error {
	found, err := s.cfg.Catalog.ModelHistory(r.Context(), r.PathValue("name"))
	return writeList(w, "moves", found, err)
}

// production is the version in production at a time, now if none is said.
func (s *Server) production(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	at := q.time("at")
	if err := q.check(); err != nil {
		return err
	}
	if at.IsZero() {
		at = time.Now()
	}
	name := r.PathValue("name")
	version, err := s.cfg.Catalog.ProductionAt(r.Context(), name, at)
	if err != nil {
		return err
	}
	return writeJSON(w, struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		At      string `json:"at"`
	}{name, version, at.UTC().Format("2006-01-02T15:04:05.999999Z07:00")})
}

func (s *Server) aliases(w http.ResponseWriter, r *http.Request) error {
	found, err := s.cfg.Catalog.Aliases(r.Context(), r.PathValue("name"))
	return writeList(w, "aliases", found, err)
}

func (s *Server) compare(w http.ResponseWriter, r *http.Request) error {
	c, err := s.comparison(r)
	if err != nil {
		return err
	}
	return writeJSON(w, c)
}

func (s *Server) comparison(r *http.Request) (registry.Comparison, error) {
	q := query(r)
	a, b := q.text("a"), q.text("b")
	if err := q.check(); err != nil {
		return registry.Comparison{}, err
	}
	if a == "" || b == "" {
		return registry.Comparison{}, &problem{http.StatusBadRequest, "two versions are to be compared", "name them as ?a=VERSION&b=VERSION; aliases and latest do too"}
	}
	first, err := s.registry.Find(r.Context(), r.PathValue("name")+"@"+a)
	if err != nil {
		return registry.Comparison{}, err
	}
	second, err := s.registry.Find(r.Context(), r.PathValue("name")+"@"+b)
	if err != nil {
		return registry.Comparison{}, err
	}
	return s.registry.Compare(r.Context(), first, second)
}

func (s *Server) lineage(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	l, err := s.registry.Lineage(r.Context(), m)
	if err != nil {
		return err
	}
	l.Data = some(l.Data)
	return writeJSON(w, l)
}

func (s *Server) webhooks(w http.ResponseWriter, r *http.Request) error {
	found, err := s.cfg.Catalog.Webhooks(r.Context())
	return writeList(w, "webhooks", found, err)
}

// maxMove bounds the body of a move, in bytes.
const maxMove = 64 << 10

// modelMove is what a caller says of a move. Only JSON is read: a page of another
// site can't send it without asking first.
type modelMove struct {
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
	// Key makes the move happen once, however often it is sent; empty: each is a move of its own.
	Key string `json:"key"`
	// Version and Rev are of an alias: where to, and the revision that the caller saw.
	Version   string `json:"version"`
	Rev       *int64 `json:"rev"`
	Protected *bool  `json:"protected"`
	Override  bool   `json:"override"`
	// Stage and Expect are of a stage: the version in production that the caller saw, "" for none; absent: whatever it is.
	Stage  string  `json:"stage"`
	Expect *string `json:"expect"`
	// Run is of another attempt at mirroring; "" for all.
	Run string `json:"run"`
}

func readMove(w http.ResponseWriter, r *http.Request) (modelMove, catalog.Mark, error) {
	var m modelMove
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		return m, catalog.Mark{}, &problem{http.StatusUnsupportedMediaType, "the move is not JSON", "send Content-Type: application/json"}
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMove))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		return m, catalog.Mark{}, &problem{http.StatusBadRequest, fmt.Sprintf("the move can't be read: %v", err), "docs/control-api.md shows its fields"}
	}
	if m.Actor == "" {
		return m, catalog.Mark{}, &problem{http.StatusBadRequest, "the move says not by whom", "send who you are as \"actor\""}
	}
	if m.Key == "" {
		m.Key = rand.Text()
	}
	return m, catalog.Mark{Key: "api/" + m.Key, Actor: m.Actor, Reason: m.Reason}, nil
}

func (s *Server) moveAlias(w http.ResponseWriter, r *http.Request) error {
	in, why, err := readMove(w, r)
	if err != nil {
		return err
	}
	now, err := s.cfg.Catalog.MoveAlias(r.Context(), catalog.AliasMove{
		Name: r.PathValue("name"), Alias: r.PathValue("alias"), Version: in.Version, Rev: in.Rev, Protected: in.Protected, Override: in.Override,
	}, why)
	if err != nil {
		return err
	}
	return writeJSON(w, now)
}

func (s *Server) removeAlias(w http.ResponseWriter, r *http.Request) error {
	in, why, err := readMove(w, r)
	if err != nil {
		return err
	}
	was, err := s.cfg.Catalog.RemoveAlias(r.Context(), catalog.AliasMove{Name: r.PathValue("name"), Alias: r.PathValue("alias"), Rev: in.Rev, Override: in.Override}, why)
	if err != nil {
		return err
	}
	return writeJSON(w, was)
}

// moveStage moves a version between stages: into production, out of it, or beside it.
func (s *Server) moveStage(w http.ResponseWriter, r *http.Request) error {
	in, why, err := readMove(w, r)
	if err != nil {
		return err
	}
	m, err := s.find(r)
	if err != nil {
		return err
	}
	switch {
	case in.Stage == catalog.StageProduction:
		m, err = s.cfg.Catalog.PromoteModel(r.Context(), catalog.Promotion{Name: m.Name, Version: m.Version, Expect: in.Expect}, why)
	case m.Stage == catalog.StageProduction:
		m, err = s.cfg.Catalog.DemoteModel(r.Context(), m.Name, m.Version, in.Stage, why)
	default:
		m, err = s.cfg.Catalog.SetStage(r.Context(), m.Name, m.Version, in.Stage, why)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, m)
}

// modelFile is a file of a version and where its bytes are read.
type modelFile struct {
	catalog.ModelFile
	URL string `json:"url"`
}

// extension is that of the file that a model was released from; .onnx where it had none,
// and .tar of an ensemble, whose document was packed with its members.
func extension(config json.RawMessage) string {
	var model spec.Model
	err := json.Unmarshal(config, &model)
	if err == nil && model.Runtime == spec.RuntimeEnsemble {
		return ".tar"
	}
	if found := path.Ext(model.Artifact.Path); err == nil && found != "" && !model.Artifact.Remote() {
		return found
	}
	return ".onnx"
}

// modelFiles lists what a version consists of: the blob that a release
// registered, or the files that an MLflow client stored. Of content that lies
// elsewhere it knows nothing.
func (s *Server) modelFiles(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	if m.Source == "" {
		return writeList(w, "files", []modelFile{{catalog.ModelFile{Path: m.Name + "-" + m.Version + extension(m.Config), Digest: m.Digest}, "/api/v1/blobs/" + m.Digest}}, nil)
	}
	var files []modelFile
	if s.cfg.MLflow != nil {
		folder, found, err := s.cfg.MLflow.Content(r.Context(), m)
		if err != nil {
			return err
		}
		for _, f := range found {
			at := url.URL{Path: "/api/2.0/mlflow-artifacts/artifacts/" + folder + "/" + f.Path}
			files = append(files, modelFile{f, at.String()})
		}
	}
	if len(files) == 0 {
		return &problem{http.StatusNotFound, "the content of " + m.Name + "/" + m.Version + " is not kept here", "it is at " + m.Source}
	}
	return writeList(w, "files", files, nil)
}
