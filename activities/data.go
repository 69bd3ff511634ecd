package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Data fixes the data version of a release and validates its tables.
type Data struct {
	Library *dataversion.Library
	// MaskKey, where given, shows tokens made with it in reports in place of personal values, which are hidden otherwise.
	MaskKey []byte
}

// Fix makes the release's tables one immutable data version, or finds the stored
// one that it names. Equal content is the version that exists already. From then
// on the release uses the version: it can't be deleted while the release is under way.
func (d *Data) Fix(ctx context.Context, in contract.FixDataInput) (contract.FixDataOutput, error) {
	_, stop := beating(ctx)
	defer stop()
	if err := d.stored(ctx, in.Data.Schema); err != nil {
		return contract.FixDataOutput{}, err
	}
	if in.Data.Version != "" {
		return d.use(ctx, in)
	}
	var parts []dataversion.Part
	for _, t := range in.Data.Tables() {
		digest, err := artifacts.ParseDigest(t.File.Digest)
		if err != nil {
			return contract.FixDataOutput{}, invalid{fmt.Errorf("%s: %w", t.Field, err)}
		}
		parts = append(parts, dataversion.Part{Role: t.Role, Path: t.File.Path, Digest: digest, Size: t.File.Size})
	}
	version := dataversion.NewVersion{Name: in.Data.Name, Description: "fixed by release " + in.Key.Model + "/" + in.Key.Version}
	found, err := d.Library.Assemble(ctx, version, parts, in.Key.String(), mark(in.Key, "data", in.By, ""))
	if errors.Is(err, artifacts.ErrUnsupported) {
		err = invalid{err}
	}
	return contract.FixDataOutput{DataVersion: versionOf(found)}, err
}

// stored refuses a schema that was not uploaded whole.
func (d *Data) stored(ctx context.Context, schema spec.File) error {
	digest, err := artifacts.ParseDigest(schema.Digest)
	if err != nil {
		return invalid{fmt.Errorf("data.schema: %w", err)}
	}
	found, err := d.Library.Store().Stat(ctx, digest)
	if err == nil && found.Size != schema.Size {
		err = fmt.Errorf("%w: %d bytes stored, %d expected", artifacts.ErrDamaged, found.Size, schema.Size)
	}
	if err != nil {
		return fmt.Errorf("data.schema (%s): %w", schema.Path, err)
	}
	return nil
}

// use finds the tables in the stored version that the spec names.
func (d *Data) use(ctx context.Context, in contract.FixDataInput) (contract.FixDataOutput, error) {
	found, err := d.Library.Use(ctx, in.Data.Version, in.Key.String(), mark(in.Key, "data", in.By, ""))
	if errors.Is(err, catalog.ErrNotFound) {
		err = fmt.Errorf("there is no data %q, 'slipway data list' shows what there is: %w", in.Data.Version, err)
	}
	if err != nil {
		return contract.FixDataOutput{}, fmt.Errorf("data.version: %w", err)
	}
	var paths []string
	for _, t := range in.Data.Tables() {
		paths = append(paths, t.File.Path)
	}
	entries, err := d.Library.Files(ctx, found, paths)
	if err != nil {
		return contract.FixDataOutput{}, err
	}
	for _, t := range in.Data.Tables() {
		e, there := entries[t.File.Path]
		switch {
		case !there:
			return contract.FixDataOutput{}, invalid{fmt.Errorf("%s: data %s has no file %q: 'slipway data show %s' lists its files", t.Field, found.Label(), t.File.Path, found.Label())}
		case t.File.Digest != "" && t.File.Digest != string(e.Digest):
			return contract.FixDataOutput{}, invalid{fmt.Errorf("%s: %s is %s in data %s, and was %s when the release was started: %s names another version since; start the release again",
				t.Field, t.File.Path, e.Digest, found.Label(), t.File.Digest, in.Data.Version)}
		}
		*t.File = spec.File{Path: e.Path, Digest: string(e.Digest), Size: e.Size}
	}
	return contract.FixDataOutput{DataVersion: versionOf(found), Train: in.Data.Train, Test: in.Data.Test, Reference: in.Data.Reference}, nil
}

// Validate checks each table against the schema in one pass, as `slipway data
// validate` does, and distributions against the reference rows. Failures are a
// verdict; a table that can't be read is an error.
func (d *Data) Validate(ctx context.Context, in contract.ValidateDataInput) (contract.Verdict, error) {
	report, stop := beating(ctx)
	defer stop()
	schema, err := readSchema(ctx, d.Library.Store(), in.Data)
	if err != nil {
		return contract.Verdict{}, err
	}
	if schema, err = schema.In(in.Data.Environment); err != nil {
		return contract.Verdict{}, invalid{fmt.Errorf("data.environment: %w", err)}
	}
	var tables []spec.Table
	seen := map[string]bool{}
	for _, t := range in.Data.Tables() {
		if !seen[t.File.Digest] {
			seen[t.File.Digest] = true
			tables = append(tables, t)
		}
	}
	options := dataset.CheckOptions{Tables: d.Library.OtherTable}
	if options.Mask, err = masker(d.MaskKey, schema); err != nil {
		return contract.Verdict{}, err
	}
	if schema.NeedsReference() {
		report(0, len(tables), "profile "+in.Data.Reference.Path)
		if options.Reference, err = d.profile(ctx, in.Data.Reference, schema); err != nil {
			return contract.Verdict{}, err
		}
	}
	var found dataset.Reports
	for i, t := range tables {
		report(i, len(tables), "validate "+t.File.Path)
		options.Progress = func(rows int64) {
			report(i, len(tables), fmt.Sprintf("validate %s: %d rows", t.File.Path, rows))
		}
		err := withTable(ctx, d.Library, t.Field, *t.File, func(src dataset.Source) error {
			one, err := dataset.Check(ctx, src, schema, options)
			found = append(found, one)
			return err
		})
		if err != nil {
			return contract.Verdict{}, err
		}
	}
	saved, err := saveReport(ctx, d.Library.Store(), found)
	summary := found.Summary()
	if v := in.Version; v.Name != "" {
		summary = fmt.Sprintf("%s@%d: %s", v.Name, v.Version, summary)
	}
	return contract.Verdict{Passed: found.Passed(), Summary: summary, Report: saved, Metrics: found.Quality()}, err
}

// profile describes the reference rows.
func (d *Data) profile(ctx context.Context, reference spec.File, schema *dataset.Schema) (p *dataset.Profile, err error) {
	err = withTable(ctx, d.Library, "data.reference", reference, func(src dataset.Source) (err error) {
		p, err = dataset.ProfileOf(ctx, src, dataset.ProfileOptions{Schema: schema})
		return err
	})
	return p, err
}

func versionOf(d catalog.DataVersion) contract.DataVersion {
	return contract.DataVersion{Name: d.Name, Version: d.Version, Digest: d.Digest}
}
