package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// maxBlob bounds what an activity reads into memory: models and schemas.
const maxBlob = 2 << 30

// report is what a gate found, as JSON and as the page that a person reads.
type report interface{ HTML() ([]byte, error) }

// saveReport stores a report as JSON and as its page, and as JUnit XML where it can be that.
func saveReport(ctx context.Context, store *artifacts.Store, r report) (contract.Report, error) {
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return contract.Report{}, fmt.Errorf("encode report: %w", err)
	}
	html, err := r.HTML()
	if err != nil {
		return contract.Report{}, fmt.Errorf("draw report: %w", err)
	}
	data, err := store.PutBytes(ctx, body, "application/json")
	if err != nil {
		return contract.Report{}, err
	}
	drawn, err := store.PutBytes(ctx, html, "text/html; charset=utf-8")
	saved := contract.Report{Digest: string(data.Digest), Page: string(drawn.Digest)}
	suites, ok := r.(interface{ JUnit() ([]byte, error) })
	if !ok || err != nil {
		return saved, err
	}
	junit, err := suites.JUnit()
	if err != nil {
		return saved, err
	}
	stored, err := store.PutBytes(ctx, junit, "application/xml")
	saved.JUnit = string(stored.Digest)
	return saved, err
}

// read fetches a stored file whole, verified.
func read(ctx context.Context, store *artifacts.Store, field, digest string) ([]byte, error) {
	d, err := artifacts.ParseDigest(digest)
	if err != nil {
		return nil, invalid{fmt.Errorf("%s: %w", field, err)}
	}
	b, err := store.Read(ctx, d, maxBlob)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return b, nil
}

// mark is the idempotency mark of one step of a release attempt.
func mark(key contract.Key, step, actor, reason string) catalog.Mark {
	return catalog.Mark{Key: key.String() + "/" + step, Actor: actor, Reason: reason}
}
