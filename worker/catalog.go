package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func pid() int { return os.Getpid() }

// catalogPatience bounds how long a role waits at its start for a database that comes up beside it.
const catalogPatience = time.Minute

// openCatalog opens the catalog, waiting for a database that is not up yet.
func openCatalog(ctx context.Context, dsn string, log *slog.Logger) (*catalog.Catalog, error) {
	give := time.Now().Add(catalogPatience)
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		c, err := catalog.Open(ctx, dsn)
		if err == nil {
			return c, nil
		}
		if time.Now().After(give) || errors.Is(err, catalog.ErrInvalid) || errors.Is(err, catalog.ErrNewerSchema) {
			return nil, fmt.Errorf("open catalog: %w", err)
		}
		log.Warn("catalog can't be opened yet; trying again", "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}
