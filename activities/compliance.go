package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
)

// Compliance evaluates policies and keeps the record of what people said.
type Compliance struct {
	Catalog *catalog.Catalog
	Store   *artifacts.Store
}

// Evaluate judges the policies over the evidence and stores the report. A
// document counts only if its bytes are in the store.
func (c *Compliance) Evaluate(ctx context.Context, in contract.EvaluateInput) (contract.EvaluateOutput, error) {
	for kind, file := range in.Documents {
		digest, err := artifacts.ParseDigest(file.Digest)
		if err != nil {
			return contract.EvaluateOutput{}, invalid{fmt.Errorf("document %s: %w", kind, err)}
		}
		if _, err := c.Store.Stat(ctx, digest); err != nil {
			return contract.EvaluateOutput{}, fmt.Errorf("document %s: %w", kind, err)
		}
	}
	found := governance.Evaluate(in.Policies, in.Metrics, in.Quality, in.Documents)
	report, err := saveReport(ctx, c.Store, policyReport{found})
	return contract.EvaluateOutput{Compliant: found.Compliant, Score: found.Score, Summary: found.Summary, Report: report}, err
}

// RecordMessage writes a signal or update to the audit log, counted or not.
func (c *Compliance) RecordMessage(ctx context.Context, in contract.RecordMessageInput) (contract.Empty, error) {
	detail, err := json.Marshal(in.Message)
	if err != nil {
		return contract.Empty{}, fmt.Errorf("encode message: %w", err)
	}
	m := in.Message
	action := "message.ignored"
	if m.Accepted {
		action = "message." + m.Name
	}
	by := m.By
	if by == "" {
		by = "unknown"
	}
	_, err = c.Catalog.Record(ctx, catalog.Event{
		Key:   fmt.Sprintf("%s/message/%s/%d", in.Key, in.Scope, in.Seq),
		Actor: by, Action: action, Subject: contract.ReleaseID(in.Key.Model, in.Key.Version), Reason: m.Reason, Detail: detail,
	})
	return contract.Empty{}, err
}
