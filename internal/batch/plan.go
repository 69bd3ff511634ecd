package batch

import (
	"encoding/json"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

// planFormat is the version of the plan's form, which is part of every plan's digest.
const planFormat = 1

// Plan is all that the output of a batch depends on. Its digest identifies the
// output: equal plans have equal outputs. It is stored as JSON; fields are only
// ever added, with omitempty.
type Plan struct {
	Format int    `json:"format"`
	Model  Model  `json:"model"`
	Data   string `json:"data"` // digest of the data version
	// Keys are the columns that are carried over, Exclude those that are no features of a model that takes a matrix.
	Keys    []string `json:"keys,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// Schema is the digest of the stored schema that says what cells mean and which columns are personal.
	Schema string `json:"schema,omitempty"`
	// Sensitive are columns that the model's release calls so: personal, whatever the schema says.
	Sensitive []string `json:"sensitive,omitempty"`
	// Masked identifies the key that personal keys are masked with; empty if none is.
	Masked string `json:"masked,omitempty"`
	// BatchRows is how many rows the model is asked at once.
	BatchRows int     `json:"batch_rows"`
	Tables    []Table `json:"tables"`
}

// Model is the model version that a plan asks.
type Model struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	// Task and Outputs say how its outputs are read.
	Task    spec.Task    `json:"task"`
	Outputs spec.Outputs `json:"outputs"`
	// Runtime is what runs it; empty: what the file says.
	Runtime string `json:"runtime,omitempty"`
}

// Table is one file of the data version.
type Table struct {
	Path   string         `json:"path"`
	Digest string         `json:"digest"`
	Size   int64          `json:"size"` // bytes
	Layout dataset.Layout `json:"layout"`
}

// Shard is one of the runs of rows that a plan is cut into.
type Shard struct {
	Index int
	Table *Table
	Span  *dataset.Span
	// First is how many rows of the data version come before.
	First int64
}

// Rows is how many rows there are.
func (p *Plan) Rows() (rows int64) {
	for i := range p.Tables {
		rows += p.Tables[i].Layout.Rows
	}
	return rows
}

// Shards is how many shards there are.
func (p *Plan) Shards() (shards int) {
	for i := range p.Tables {
		shards += len(p.Tables[i].Layout.Spans)
	}
	return shards
}

// Shard finds a shard by its number from 0, in the order of the rows.
func (p *Plan) Shard(index int) (Shard, error) {
	left, first := index, int64(0)
	for i := range p.Tables {
		t := &p.Tables[i]
		if left >= 0 && left < len(t.Layout.Spans) {
			span := &t.Layout.Spans[left]
			return Shard{Index: index, Table: t, Span: span, First: first + span.First}, nil
		}
		left -= len(t.Layout.Spans)
		first += t.Layout.Rows
	}
	return Shard{}, fmt.Errorf("shard %d: the plan has %d", index, p.Shards())
}

// Encode writes the plan; equal plans have equal bytes.
func (p *Plan) Encode() ([]byte, artifacts.Digest, error) {
	p.Format = planFormat
	b, err := json.Marshal(p)
	if err != nil {
		return nil, "", fmt.Errorf("encode the plan: %w", err)
	}
	return b, artifacts.DigestOf(b), nil
}

// Decode reads a plan.
func Decode(b []byte) (*Plan, error) {
	p := &Plan{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	if p.Format != planFormat {
		return nil, fmt.Errorf("read the plan: its format is %d, this program knows %d", p.Format, planFormat)
	}
	return p, nil
}

// PartName is the file of the output that holds a shard.
func PartName(shard int) string { return fmt.Sprintf("part-%05d.parquet", shard) }
