package activities

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"go.temporal.io/sdk/activity"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/batch"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// Batch predicts the rows of data versions.
type Batch struct {
	Library *dataversion.Library
	// Models lends the model of a shard, in a process of its own where it is not trusted.
	Models *batch.Pool
	// MaskKey, where given, masks personal keys; without it they are refused.
	MaskKey []byte
	// Runs keeps each batch as a run; nil keeps none.
	Runs *RunLog
}

// Bounds of a batch.
const (
	usualShardRows = 100_000
	maxShards      = 20_000
	maxPlan        = 64 << 20 // bytes
)

// brokenTries is how often a model may break before that is taken to be its fault: the machine may have been
// short of memory.
const brokenTries = 3

// batchError says whether trying again can help.
func batchError(ctx context.Context, err error) error {
	switch {
	case err == nil, ctx.Err() != nil:
		return err
	case errors.Is(err, batch.ErrBroken) && activity.GetInfo(ctx).Attempt >= brokenTries:
		return final(err, contract.ErrModelBroken)
	case errors.Is(err, batch.ErrRefused):
		return final(err, contract.ErrRefusedRows)
	case errors.Is(err, artifacts.ErrDamaged), errors.Is(err, artifacts.ErrNotFound): // not the file's fault
	case errors.Is(err, batch.ErrPlan), errors.Is(err, dataset.ErrSource), errors.Is(err, dataset.ErrCSV), errors.Is(err, onnx.ErrInvalidModel):
		return invalid{err}
	}
	return err
}

// borrow lends a plan's model, which may take its share of the processors where so many
// shards are under way at once.
func (b *Batch) borrow(ctx context.Context, m batch.Model, parallel int) (*batch.Loan, error) {
	return b.Models.Borrow(ctx, m, threads(parallel), func() ([]byte, error) { return b.artifact(ctx, m) })
}

func (b *Batch) artifact(ctx context.Context, m batch.Model) ([]byte, error) {
	return read(ctx, b.Library.Store(), "model "+m.Name+" "+m.Version, m.Digest)
}

// threads shares the host's processors among the shards that may be under way here.
func threads(parallel int) int { return max(1, runtime.NumCPU()/max(parallel, 1)) }

func batchMark(key contract.BatchKey, step, actor, reason string) catalog.Mark {
	return catalog.Mark{Key: key.String() + "/" + step, Actor: actor, Reason: reason}
}

// plan reads a stored plan.
func (b *Batch) plan(ctx context.Context, digest string) (*batch.Plan, error) {
	d, err := artifacts.ParseDigest(digest)
	if err != nil {
		return nil, invalid{fmt.Errorf("plan: %w", err)}
	}
	there, err := b.Library.HasFile(ctx, d) // keeps it, too
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("plan %s was collected: start the batch again, which goes on where it was, and collect with a longer grace: %w", digest, artifacts.ErrNotFound)
	}
	text, err := b.Library.ReadBytes(ctx, d, maxPlan)
	if err != nil {
		return nil, err
	}
	p, err := batch.Decode(text)
	if err != nil {
		return nil, invalid{err}
	}
	return p, nil
}

// schemaOf reads the schema of a plan, which may be a file of the data version or a blob; nil without one.
func (b *Batch) schemaOf(ctx context.Context, p *batch.Plan) (*dataset.Schema, error) {
	if p.Schema == "" {
		return nil, nil
	}
	digest, err := artifacts.ParseDigest(p.Schema)
	if err != nil {
		return nil, invalid{fmt.Errorf("schema: %w", err)}
	}
	text, err := b.Library.ReadBytes(ctx, digest, maxPlan)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	schema, err := dataset.ParseSchema("schema", text)
	if err != nil {
		return nil, invalid{err}
	}
	schema.Hide(p.Sensitive...)
	return schema, nil
}

// masked is the masker of a plan's personal keys; nil where none is masked.
func (b *Batch) masked(p *batch.Plan, schema *dataset.Schema) (*dataset.Masker, error) {
	if p.Masked == "" {
		return nil, nil
	}
	mask, err := masker(b.MaskKey, schema)
	if err == nil && (mask == nil || mask.Fingerprint() != p.Masked) {
		err = errors.New("this worker has not the masking key that the batch was planned with: give all workers the same --mask-key-file")
	}
	return mask, err
}

func versionRef(d catalog.DataVersion) *contract.DataVersion {
	v := versionOf(d)
	return &v
}
