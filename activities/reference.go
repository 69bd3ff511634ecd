package activities

import (
	"context"
	"slices"
	"sync"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/monitor"
	"github.com/slipway-ml/slipway/internal/spec"
)

// maxReference is how many reference rows a window is compared with. Of more, a
// uniform sample: a test on fifty thousand rows and a window of at most a million
// sees any difference that matters, and memory stays bounded.
const maxReference = 50_000

// keptReferences is how many references a worker keeps in memory between windows.
const keptReferences = 2

// referenceCache keeps the references that were read last: a reference never
// changes, and a window comes every minute.
type referenceCache struct {
	mu   sync.Mutex
	kept []keptReference // oldest first
}

type keptReference struct {
	file, schema string // digests
	table        *dataset.Table
}

func (c *referenceCache) find(file, schema string) (*dataset.Table, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.kept, func(k keptReference) bool { return k.file == file && k.schema == schema })
	if i < 0 {
		return nil, false
	}
	return c.kept[i].table, true
}

func (c *referenceCache) keep(k keptReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept = append(c.kept, k); len(c.kept) > keptReferences {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
}

// reference reads the rows to compare with: what the model takes as input, the
// columns that are never logged left out.
func (d *Drift) reference(ctx context.Context, data spec.Data) (map[string]monitor.Column, error) {
	table, kept := d.references.find(data.Reference.Digest, data.Schema.Digest)
	if !kept {
		schema, err := readSchema(ctx, d.Store, data)
		if err != nil {
			return nil, err
		}
		table, err = readTable(ctx, d.Library, "data.reference", data.Reference, dataset.TableOptions{Schema: schema, Sample: maxReference})
		if err != nil {
			return nil, err
		}
		d.references.keep(keptReference{data.Reference.Digest, data.Schema.Digest, table})
	}
	columns := map[string]monitor.Column{}
	for _, c := range table.Columns() {
		if c.Name == data.Label || slices.Contains(data.Exclude, c.Name) || slices.Contains(data.Sensitive, c.Name) {
			continue
		}
		if c.Kind.Numeric() {
			numbers, err := table.Floats(c.Name)
			if err != nil {
				return nil, err
			}
			columns[c.Name] = monitor.Column{Numbers: numbers}
			continue
		}
		texts, _, err := table.Strings(c.Name)
		if err != nil {
			return nil, err
		}
		columns[c.Name] = monitor.Column{Strings: texts}
	}
	return columns, nil
}
