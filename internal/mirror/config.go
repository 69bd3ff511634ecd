package mirror

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

// Config is what a Mirror needs.
type Config struct {
	// Catalog, Repository and Server are required. The repository has the bytes of artifacts.
	Catalog    *catalog.Catalog
	Repository *artifacts.Repository
	Server     *mlflowclient.Client
	// Experiment takes all runs there; empty: each goes to the experiment that is named as its own here.
	Experiment string
	// All sends what clients log too; else only the runs of releases are sent.
	All bool
	// MaxArtifact bounds one artifact in bytes, MaxArtifacts how many a run has there; 0: 64 MiB and 1,000.
	// What is beyond is listed as refused.
	MaxArtifact  int64
	MaxArtifacts int
	// Parallel is how many runs are sent at once; 0: 4.
	Parallel int
	// FirstRetry is the pause after a first failure, which doubles up to MaxRetry; 0: 1 s and 1 min.
	FirstRetry, MaxRetry time.Duration
	// Rest is the least time between two attempts at a run that goes on logging; 0: 2 s.
	Rest time.Duration
	// Poll is how often the catalog is asked for runs that changed; 0: 500 ms.
	Poll time.Duration
	// Log takes failures; nil: slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for field, otherwise := range map[*time.Duration]time.Duration{
		&c.FirstRetry: time.Second, &c.MaxRetry: time.Minute, &c.Rest: 2 * time.Second, &c.Poll: 500 * time.Millisecond,
	} {
		if *field == 0 {
			*field = otherwise
		}
	}
	if c.MaxArtifact == 0 {
		c.MaxArtifact = 64 << 20
	}
	if c.MaxArtifacts == 0 {
		c.MaxArtifacts = 1000
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Catalog == nil:
		return errors.New("mirror: Catalog is missing")
	case c.Repository == nil:
		return errors.New("mirror: Repository is missing")
	case c.Server == nil:
		return errors.New("mirror: Server is missing")
	case c.MaxArtifact < 0 || c.MaxArtifacts < 0 || c.Parallel < 0:
		return fmt.Errorf("mirror: MaxArtifact %d, MaxArtifacts %d, Parallel %d: want positive numbers", c.MaxArtifact, c.MaxArtifacts, c.Parallel)
	case c.FirstRetry < 0 || c.MaxRetry < c.FirstRetry || c.Rest < 0 || c.Poll < 0:
		return fmt.Errorf("mirror: FirstRetry %s, MaxRetry %s, Rest %s, Poll %s: want positive, MaxRetry at least FirstRetry", c.FirstRetry, c.MaxRetry, c.Rest, c.Poll)
	}
	return nil
}

// Mirror sends runs to another tracking server.
type Mirror struct{ cfg Config }

// New makes a mirror; its errors name the field of Config that is wrong.
func New(cfg Config) (*Mirror, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Mirror{cfg}, nil
}
