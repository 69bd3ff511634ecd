package mlflow

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/webhook"
)

// ProtocolVersion is the MLflow release whose REST API is followed; GET /version tells it.
const ProtocolVersion = "3.17.2"

// bases are the path prefixes that an API answers.
var bases = []string{
	apiBase, ajaxBase, artifactBase, ajaxArtifactBase,
	"/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/",
}

const (
	apiBase      = "/api/2.0/mlflow/"
	ajaxBase     = "/ajax-api/2.0/mlflow/"
	artifactBase = "/api/2.0/mlflow-artifacts/"

	ajaxArtifactBase = "/ajax-api/2.0/mlflow-artifacts/"
)

// Config is what an API needs.
type Config struct {
	// Catalog and Repository are required. The repository holds the bytes of artifacts.
	Catalog    *catalog.Catalog
	Repository *artifacts.Repository
	// MaxUpload bounds an artifact in bytes; 0: artifacts.DefaultMaxSize, 10 GiB.
	MaxUpload int64
	// Spool is the folder that uploads wait in; empty: the system's folder for temporary files.
	Spool string
	// Webhooks checks, seals and tests webhooks; nil: one that may tell public addresses only, without a keeper.
	Webhooks *webhook.Courier
	// Log takes failures that are the server's own; nil: slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.MaxUpload == 0 {
		c.MaxUpload = artifacts.DefaultMaxSize
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Catalog == nil:
		return errors.New("mlflow: Catalog is missing")
	case c.Repository == nil:
		return errors.New("mlflow: Repository is missing")
	case c.MaxUpload < 0:
		return fmt.Errorf("mlflow: MaxUpload is %d bytes, want at least 1", c.MaxUpload)
	}
	return nil
}

// API answers MLflow's REST API.
type API struct {
	cfg   Config
	files *Files
}

// New makes an API; its errors name the field of Config that is wrong.
func New(cfg Config) (*API, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Webhooks == nil {
		var err error
		if cfg.Webhooks, err = webhook.New(webhook.Config{Catalog: cfg.Catalog, Log: cfg.Log}); err != nil {
			return nil, err
		}
	}
	return &API{cfg: cfg, files: &Files{Catalog: cfg.Catalog, Repository: cfg.Repository, Spool: cfg.Spool}}, nil
}

// Mount puts the API into a mux whose other paths are not MLflow's. The mux is
// behind whatever decides who may call.
func (a *API) Mount(mux *http.ServeMux) {
	handler := a.Handler()
	for _, base := range bases {
		mux.Handle(base, handler)
	}
	mux.Handle("GET /version", handler)
	mux.Handle("GET /get-artifact", handler)
	mux.Handle("GET /model-versions/get-artifact", handler)
}

// Handler answers all paths of the API. What a browser sends for a page of another
// site is refused.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range a.endpoints() {
		for _, base := range []string{apiBase, ajaxBase} {
			mux.Handle(e.method+" "+base+e.path, a.answer(e.serve))
		}
	}
	for _, base := range []string{"/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/"} {
		mux.Handle("GET "+base+"server-info", a.answer(serverInfo))
	}
	for _, base := range []string{artifactBase, ajaxArtifactBase} {
		for _, e := range a.proxyEndpoints() {
			mux.Handle(e.method+" "+base+e.path, a.answer(e.serve))
		}
	}
	mux.Handle("GET /version", a.answer(version))
	mux.Handle("GET /get-artifact", a.answer(a.downloadOf))
	mux.Handle("GET /model-versions/get-artifact", a.answer(a.downloadOfVersion))
	mux.Handle("/", a.answer(unknown))
	return http.NewCrossOriginProtection().Handler(mux)
}

func (a *API) endpoints() []endpoint {
	return slices.Concat(
		a.experimentEndpoints(), a.runEndpoints(), a.runLogEndpoints(), a.metricEndpoints(),
		a.artifactEndpoints(), a.loggedModelEndpoints(), a.registryEndpoints(), a.webhookEndpoints(),
	)
}

// serverInfo is what recent clients ask before anything else.
func serverInfo(w http.ResponseWriter, _ *http.Request) error {
	return send(w, struct {
		StoreType          string `json:"store_type"`
		Workspaces         bool   `json:"workspaces_enabled"`
		MultipartUploads   bool   `json:"multipart_uploads_enabled"`
		MultipartDownloads bool   `json:"multipart_downloads_enabled"`
	}{StoreType: "SqlStore"})
}

func version(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, ProtocolVersion) // the client may be gone
	return nil
}

// unknown answers what the API has not. Clients that know newer endpoints fall
// back to older ones on this code.
func unknown(_ http.ResponseWriter, r *http.Request) error {
	return fail(EndpointNotFound, "%s %s is not answered here; docs/mlflow.md lists what is", r.Method, clip(strings.ToValidUTF8(r.URL.Path, "?")))
}
