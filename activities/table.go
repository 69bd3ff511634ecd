package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/spec"
)

// readSchema reads the schema of a release. Columns that the release calls
// sensitive are personal, whatever the schema says.
func readSchema(ctx context.Context, store *artifacts.Store, data spec.Data) (*dataset.Schema, error) {
	b, err := read(ctx, store, "data.schema", data.Schema.Digest)
	if err != nil {
		return nil, err
	}
	schema, err := dataset.ParseSchema(data.Schema.Path, b)
	if err != nil {
		return nil, invalid{err}
	}
	schema.Hide(data.Sensitive...)
	return schema, nil
}

// masker masks the personal columns of a schema; nil without a key.
func masker(key []byte, schema *dataset.Schema) (*dataset.Masker, error) {
	if len(key) == 0 {
		return nil, nil
	}
	return dataset.NewMasker(key, schema)
}

// withTable runs do on a table of a release, row by row in any format. A file
// that is no table can't be right.
func withTable(ctx context.Context, l *dataversion.Library, field string, file spec.File, do func(dataset.Source) error) error {
	digest, err := artifacts.ParseDigest(file.Digest)
	if err != nil {
		return invalid{fmt.Errorf("%s: %w", field, err)}
	}
	err = l.ReadFile(ctx, artifacts.Entry{Path: file.Path, Digest: digest, Size: file.Size}, dataset.SourceOptions{}, do)
	return tableError(field, err)
}

// tableError says which table of the release can't be read, and whether trying again can help.
func tableError(field string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, artifacts.ErrDamaged), errors.Is(err, artifacts.ErrNotFound): // not the file's fault
	case errors.Is(err, dataset.ErrSource), errors.Is(err, dataset.ErrCSV), errors.Is(err, dataset.ErrTooLarge):
		return invalid{fmt.Errorf("%s: %w", field, err)}
	}
	return fmt.Errorf("%s: %w", field, err)
}

// readTable reads a table of a release into memory: what the model is asked, and
// what its answers are compared with.
func readTable(ctx context.Context, l *dataversion.Library, field string, file spec.File, opts dataset.TableOptions) (t *dataset.Table, err error) {
	err = withTable(ctx, l, field, file, func(src dataset.Source) (err error) {
		t, err = dataset.ReadTable(ctx, src, opts)
		return err
	})
	if errors.Is(err, dataset.ErrTooLarge) {
		err = invalid{fmt.Errorf("%w: name fewer rows, a sample is enough, or raise --max-test-mb of the compute workers", err)}
	}
	return t, err
}
