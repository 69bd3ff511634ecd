package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// Check holds tables of a version against a stored schema. Failures are a verdict; a table that can't be read is an error.
func (d *Datasets) Check(ctx context.Context, in contract.CheckDataInput) (contract.Verdict, error) {
	report, stop := beating(ctx)
	defer stop()
	schema, err := d.schema(ctx, in.Schema)
	if err != nil {
		return contract.Verdict{}, err
	}
	if schema, err = schema.In(in.Environment); err != nil {
		return contract.Verdict{}, invalid{err}
	}
	options := dataset.CheckOptions{Tables: d.Library.OtherTable}
	if options.Mask, err = masker(d.MaskKey, schema); err != nil {
		return contract.Verdict{}, err
	}
	if in.Reference != "" {
		b, err := read(ctx, d.Library.Store(), "reference", in.Reference)
		if err != nil {
			return contract.Verdict{}, err
		}
		if options.Reference, err = dataset.ParseProfile(in.Reference, b); err != nil {
			return contract.Verdict{}, invalid{err}
		}
	}
	v, tables, err := d.tables(ctx, in.Ref, in.Paths)
	if err != nil {
		return contract.Verdict{}, err
	}
	var found dataset.Reports
	for i, e := range tables {
		report(i, len(tables), e.Path)
		err := d.readTable(ctx, v, e, func(src dataset.Source) error {
			one, err := dataset.Check(ctx, src, schema, options)
			found = append(found, one)
			return err
		})
		if err != nil {
			return contract.Verdict{}, err
		}
	}
	saved, err := saveReport(ctx, d.Library.Store(), found)
	return contract.Verdict{Passed: found.Passed(), Summary: found.Summary(), Report: saved, Metrics: found.Quality()}, err
}

// Profile describes a table and stores the profile and its page.
func (d *Datasets) Profile(ctx context.Context, in contract.TableInput) (contract.Report, error) {
	report, stop := beating(ctx)
	defer stop()
	options := dataset.ProfileOptions{Progress: func(rows int64) { report(int(rows), 0, "rows") }}
	if in.Schema != "" {
		var err error
		if options.Schema, err = d.schema(ctx, in.Schema); err != nil {
			return contract.Report{}, err
		}
	}
	var profile *dataset.Profile
	err := d.table(ctx, in, func(src dataset.Source) (err error) {
		profile, err = dataset.ProfileOf(ctx, src, options)
		return err
	})
	if err != nil {
		return contract.Report{}, err
	}
	return saveReport(ctx, d.Library.Store(), profile)
}

// Infer proposes a schema for a table and stores it.
func (d *Datasets) Infer(ctx context.Context, in contract.TableInput) (contract.InferSchemaOutput, error) {
	_, stop := beating(ctx)
	defer stop()
	var schema *dataset.Schema
	err := d.table(ctx, in, func(src dataset.Source) (err error) {
		schema, err = dataset.Infer(ctx, src)
		return err
	})
	if err != nil {
		return contract.InferSchemaOutput{}, err
	}
	b, err := schema.YAML()
	if err != nil {
		return contract.InferSchemaOutput{}, err
	}
	ref, err := d.Library.Store().PutBytes(ctx, b, "application/yaml")
	return contract.InferSchemaOutput{Schema: string(ref.Digest)}, err
}

func (d *Datasets) schema(ctx context.Context, digest string) (*dataset.Schema, error) {
	b, err := read(ctx, d.Library.Store(), "schema", digest)
	if err != nil {
		return nil, err
	}
	schema, err := dataset.ParseSchema(digest, b)
	if err != nil {
		return nil, invalid{err}
	}
	return schema, nil
}

// tables finds the tables of a version; a path that picks nothing can't be right.
func (d *Datasets) tables(ctx context.Context, ref string, paths []string) (catalog.DataVersion, []artifacts.Entry, error) {
	v, err := d.Library.Catalog().Data(ctx, ref)
	if err != nil {
		return v, nil, err
	}
	tables, err := d.Library.Tables(ctx, v, paths)
	return v, tables, err
}

// table runs do on the one table that is named.
func (d *Datasets) table(ctx context.Context, in contract.TableInput, do func(dataset.Source) error) error {
	var paths []string
	if in.Path != "" {
		paths = []string{in.Path}
	}
	v, tables, err := d.tables(ctx, in.Ref, paths)
	if err != nil {
		return err
	}
	if len(tables) > 1 {
		return invalid{fmt.Errorf("data %s has %d tables: name one by its path", v.Label(), len(tables))}
	}
	return d.readTable(ctx, v, tables[0], do)
}

// readTable runs do on an open table. A file that is no table can't be right.
func (d *Datasets) readTable(ctx context.Context, v catalog.DataVersion, e artifacts.Entry, do func(dataset.Source) error) error {
	src, err := d.Library.OpenTable(ctx, v, e, dataset.SourceOptions{})
	if err == nil {
		err = errors.Join(do(src), src.Close())
	}
	if errors.Is(err, artifacts.ErrDamaged) { // not the file's fault
		return err
	}
	if errors.Is(err, dataset.ErrSource) || errors.Is(err, dataset.ErrCSV) {
		return invalid{err}
	}
	return err
}
