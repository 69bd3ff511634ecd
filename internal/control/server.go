package control

import (
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/mlflow"
	"github.com/slipway-ml/slipway/internal/registry"
)

// DefaultAlive is how long after its last beat a gateway is still listed.
const DefaultAlive = 10 * time.Second

// Config is what a Server needs.
type Config struct {
	// Catalog, Store and Data, the data versions in them, are required.
	Catalog *catalog.Catalog
	Store   *artifacts.Store
	Data    *dataversion.Library
	// Token must be sent with every request, as a bearer token or, by a browser,
	// as the password of any user. Empty: none is asked for, and only requests to loopback or an IP address are answered.
	Token string
	// TemporalAddress and Namespace are told to clients; an empty Namespace is "default".
	TemporalAddress string
	Namespace       string
	// UI is the address of Temporal's UI, for links; empty: no links.
	UI string
	// Version is the program's.
	Version string
	// MaxUpload bounds a blob, and a file of data, in bytes; 0: artifacts.DefaultMaxSize, 10 GiB.
	MaxUpload int64
	// Alive is how long after its last beat a gateway is still listed; 0: DefaultAlive.
	Alive time.Duration
	// MLflow answers MLflow's REST API under the same authorization; nil: it is not answered.
	MLflow *mlflow.API
	// Log takes failures that are the server's own; nil: slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Namespace == "" {
		c.Namespace = "default"
	}
	if c.MaxUpload == 0 {
		c.MaxUpload = artifacts.DefaultMaxSize
	}
	if c.Alive == 0 {
		c.Alive = DefaultAlive
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Catalog == nil:
		return errors.New("control: Catalog is missing")
	case c.Store == nil:
		return errors.New("control: Store is missing")
	case c.Data == nil:
		return errors.New("control: Data is missing")
	case c.MaxUpload < 0:
		return fmt.Errorf("control: MaxUpload is %d bytes, want at least 1", c.MaxUpload)
	case c.Alive < 0:
		return fmt.Errorf("control: Alive is %s, want a positive duration", c.Alive)
	}
	return nil
}

// Server answers the control API.
type Server struct {
	cfg      Config
	pages    *template.Template
	registry *registry.Library
}

// New makes a server; its errors name the field of Config that is wrong.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	return &Server{cfg: cfg, pages: pages, registry: &registry.Library{Catalog: cfg.Catalog, Store: cfg.Store, Data: cfg.Data}}, nil
}

// handler is a handler that leaves its errors to the server.
type handler func(http.ResponseWriter, *http.Request) error

// Handler is the whole API with its pages.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	routes := map[string]handler{
		"HEAD /api/v1/blobs/{digest}":            s.statBlob,
		"GET /api/v1/blobs/{digest}":             s.getBlob,
		"PUT /api/v1/blobs/{digest}":             s.putBlob,
		"HEAD /api/v1/files/{digest}":            s.statFile,
		"PUT /api/v1/files/{digest}":             s.putFile,
		"GET /api/v1/info":                       s.info,
		"GET /api/v1/releases":                   s.releases,
		"GET /api/v1/releases/{model}/{version}": s.release,
		"GET /api/v1/data":                       s.dataVersions,
		"GET /api/v1/data/{ref...}":              s.data,
		"GET /api/v1/routes":                     s.routes,
		"GET /api/v1/events":                     s.events,
		"GET /api/v1/monitors/{model}":           s.monitors,
		"/api/":                                  nothing,
		"GET /{$}":                               s.homePage,
		"GET /releases/{model}/{version}":        s.releasePage,
		"GET /reports/{digest}":                  s.report,
		"/":                                      nothing,
	}
	maps.Copy(routes, s.modelRoutes())
	maps.Copy(routes, s.mirrorRoutes())
	for pattern, h := range routes {
		mux.Handle(pattern, s.answer(h))
	}
	mux.Handle("GET /metrics", promhttp.Handler())
	if s.cfg.MLflow != nil {
		s.cfg.MLflow.Mount(mux)
	}
	open := http.NewServeMux()
	open.Handle("GET /healthz", s.answer(s.health))
	open.Handle("GET /health", s.answer(s.health))
	open.Handle("/", s.authorize(mux))
	return secure(open)
}

// nothing answers what the API has not.
func nothing(_ http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut:
		return &problem{http.StatusNotFound, fmt.Sprintf("%s %s does not exist", r.Method, clip(r.URL.Path)), "docs/control-api.md lists what the control API answers"}
	}
	return &problem{http.StatusMethodNotAllowed, fmt.Sprintf("%s is not a method of the control API", clip(r.Method)), "releases are started and steered through Temporal: use the slipway or the temporal CLI"}
}

// health tells whether the catalog can be reached.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	if err := s.cfg.Catalog.Ping(r.Context()); err != nil {
		return &problem{http.StatusServiceUnavailable, err.Error(), "check that the database is up and that this host reaches it"}
	}
	return writeJSON(w, map[string]string{"status": "ok"})
}
