package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/telemetry"
)

// Catalog is what the gateway asks of the catalog. *catalog.Catalog is one.
type Catalog interface {
	Routes(ctx context.Context) ([]catalog.Route, error)
	Model(ctx context.Context, name, version string) (catalog.Model, error)
	Models(ctx context.Context, f catalog.ModelFilter) ([]catalog.Model, error)
	Beat(ctx context.Context, g catalog.Gateway, instances []catalog.Instance) error
	Leave(ctx context.Context, gatewayID string) error
	AddTraffic(ctx context.Context, traffic []catalog.Traffic) error
	AddSegment(ctx context.Context, s catalog.Segment) error
}

// Blobs is what the gateway asks of the blob store. *artifacts.Store is one.
type Blobs interface {
	Fetch(ctx context.Context, d artifacts.Digest, path string) error
	Put(ctx context.Context, r io.Reader, mediaType string) (artifacts.Ref, error)
}

// Config sets up a Gateway. Fields are optional unless they say required.
type Config struct {
	// HTTP is where predictions, health and metrics are served. Required. The gateway closes it.
	HTTP net.Listener
	// GRPC is where the inference protocol and health checks are served by gRPC; nil serves none. The gateway closes it.
	GRPC net.Listener
	// Catalog and Blobs may be down at any time, also at the start. Required.
	Catalog Catalog
	Blobs   Blobs
	// Runtime loads models. Required.
	Runtime serving.Runtime
	// StateDir holds the folder "gateway" with the last good routes and the
	// models' files. Required; made if missing. One gateway at a time uses it.
	StateDir string
	// Name begins the gateway's id, which ends in something new for each start. Default: the host's name.
	Name string
	// Token, if set, is the bearer token that POST /predict asks for. Required
	// when HTTP listens on anything but a loopback address.
	Token string
	// ModelControl lets clients of the inference protocol load versions of the
	// registry and unload them, beside what the routes want.
	ModelControl bool
	// OperatorToken is the bearer token that loading and unloading ask for under
	// ModelControl, and changing the settings of log and traces always. Required for it when HTTP listens on anything but a loopback address.
	OperatorToken string
	// Sensitive names columns that are never logged, by model; "*" is every
	// model. What the model's configuration calls sensitive is added.
	Sensitive map[string][]string
	// ServerName is what the gateway calls itself in the inference protocol. Default "slipway".
	ServerName string
	// Version is the program's, which the inference protocol tells.
	Version string
	// Limits bound the calls of each model version. Default: as many batches running as
	// the version has instances, 1000 requests waiting.
	Limits serving.Limits
	// Stock is how much there is of resources that models share. Default: of each, as much as
	// the most that a model which is held takes.
	Stock serving.Stock
	// WarmUp bounds the time in which a version runs every size of batch before
	// it takes requests. Default 30 s.
	WarmUp time.Duration
	// MaxDelay is how long a request may be held back for others to share its
	// batch. Zero: never, see serving.Batching.
	MaxDelay time.Duration
	// PredictTimeout bounds a prediction, waiting included. Longer is the
	// model's failure. Default 10 s.
	PredictTimeout time.Duration
	// MaxBody bounds a request's body in bytes. Default 8 MiB.
	MaxBody int64
	// MaxHeld bounds the bytes of all requests together, from the arrival of their
	// bodies to their answers; more are refused with 503. Default 256 MiB.
	MaxHeld int64
	// MaxRows bounds the rows of one request. Default 4096.
	MaxRows int
	// Poll is how often the catalog is asked for routes, give or take a fifth. Default 250 ms.
	Poll time.Duration
	// BeatEvery is how often the gateway reports itself and its counts. Default 1 s.
	BeatEvery time.Duration
	// CatalogTimeout bounds each question to the catalog. Default 5 s.
	CatalogTimeout time.Duration
	// FetchTimeout bounds fetching one model from the blob store. Default 10 min.
	FetchTimeout time.Duration
	// LogRows and LogAge end a segment of the prediction log. Default 2048 and 5 s.
	LogRows int
	LogAge  time.Duration
	// LogBuffer is how many predictions may wait to be logged. Default 8192.
	LogBuffer int
	// DrainTimeout bounds each part of the way down: the requests in flight,
	// the last counts, the last of the log. Default 15 s.
	DrainTimeout time.Duration
	// Traces makes the spans of requests. Nil: there are none.
	Traces trace.TracerProvider
	// Registry takes the metrics that GET /metrics serves. Default: one of its own.
	Registry *prometheus.Registry
	Logger   *slog.Logger // default: slog.Default
	// LogLevels are those of Logger, which clients may change; nil: nobody may.
	LogLevels *telemetry.Levels
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name, _ = os.Hostname() // a name is for people; the id is unique without it
	}
	if c.ServerName == "" {
		c.ServerName = "slipway"
	}
	if c.Limits.Waiting == 0 {
		c.Limits.Waiting = 1000
	}
	fill(&c.WarmUp, 30*time.Second)
	fill(&c.PredictTimeout, 10*time.Second)
	fill(&c.MaxBody, 8<<20)
	fill(&c.MaxHeld, 256<<20)
	fill(&c.MaxRows, 4096)
	fill(&c.Poll, 250*time.Millisecond)
	fill(&c.BeatEvery, time.Second)
	fill(&c.CatalogTimeout, 5*time.Second)
	fill(&c.FetchTimeout, 10*time.Minute)
	fill(&c.LogRows, 2048)
	fill(&c.LogAge, 5*time.Second)
	fill(&c.LogBuffer, 8192)
	fill(&c.DrainTimeout, 15*time.Second)
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func fill[T int | int64 | time.Duration](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}

func (c Config) validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.HTTP == nil {
		refuse("HTTP: a listener is required")
	} else if c.Token == "" && !loopback(c.HTTP.Addr()) {
		refuse("Token: required, as HTTP listens on %s, which is not a loopback address", c.HTTP.Addr())
	}
	if c.HTTP != nil && c.ModelControl && c.OperatorToken == "" && !loopback(c.HTTP.Addr()) {
		refuse("OperatorToken: required for ModelControl, as HTTP listens on %s, which is not a loopback address", c.HTTP.Addr())
	}
	if c.Catalog == nil {
		refuse("Catalog: required")
	}
	if c.Blobs == nil {
		refuse("Blobs: required")
	}
	if c.Runtime == nil {
		refuse("Runtime: required")
	}
	if c.StateDir == "" {
		refuse("StateDir: required")
	}
	for name, v := range map[string]int64{
		"MaxBody": c.MaxBody, "MaxHeld": c.MaxHeld, "MaxRows": int64(c.MaxRows), "LogRows": int64(c.LogRows), "LogBuffer": int64(c.LogBuffer),
		"Poll": int64(c.Poll), "BeatEvery": int64(c.BeatEvery), "LogAge": int64(c.LogAge), "WarmUp": int64(c.WarmUp), "PredictTimeout": int64(c.PredictTimeout),
		"CatalogTimeout": int64(c.CatalogTimeout), "FetchTimeout": int64(c.FetchTimeout), "DrainTimeout": int64(c.DrainTimeout),
		"Limits.Running": int64(c.Limits.Running), "Limits.Waiting": int64(c.Limits.Waiting),
	} {
		if v < 0 {
			refuse("%s: must not be negative", name)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("gateway configuration: %w", errors.Join(errs...))
	}
	return nil
}

func loopback(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
