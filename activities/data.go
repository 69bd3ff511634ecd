package activities

import (
	"bytes"
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Data fixes data versions and validates them.
type Data struct {
	Catalog *catalog.Catalog
	Store   *artifacts.Store
}

// tables lists the spec's files by role, the schema last. A reference that is the training file is one of the roles too.
func tables(d spec.Data) []dataset.ManifestFile {
	var out []dataset.ManifestFile
	for _, f := range []struct {
		role string
		file spec.File
	}{{"train", d.Train}, {"test", d.Test}, {"reference", d.Reference}, {"schema", d.Schema}} {
		out = append(out, dataset.ManifestFile{Path: f.file.Path, Role: f.role, Digest: f.file.Digest, Size: f.file.Size})
	}
	return out
}

// Fix makes the release's files one immutable data version. Equal content is the version that exists already.
func (d *Data) Fix(ctx context.Context, in contract.FixDataInput) (contract.DataVersion, error) {
	files := tables(in.Data)
	version := catalog.DataVersion{Name: in.Data.Name, Actor: in.By, Description: "fixed by release " + in.Key.Model + "/" + in.Key.Version}
	for _, f := range files {
		digest, err := artifacts.ParseDigest(f.Digest)
		if err != nil {
			return contract.DataVersion{}, invalid{fmt.Errorf("data.%s: %w", f.Role, err)}
		}
		stored, err := d.Store.Stat(ctx, digest)
		if err != nil {
			return contract.DataVersion{}, fmt.Errorf("data.%s (%s): %w", f.Role, f.Path, err)
		}
		if stored.Size != f.Size {
			return contract.DataVersion{}, fmt.Errorf("data.%s (%s): %w: %d bytes stored, %d expected", f.Role, f.Path, artifacts.ErrDamaged, stored.Size, f.Size)
		}
		version.Files = append(version.Files, catalog.DataFile{Path: f.Path, Role: f.Role, Digest: f.Digest, Size: f.Size})
		version.Bytes += f.Size
	}
	manifest, err := dataset.Manifest(files)
	if err != nil {
		return contract.DataVersion{}, invalid{err}
	}
	ref, err := d.Store.PutBytes(ctx, manifest, "application/json")
	if err != nil {
		return contract.DataVersion{}, err
	}
	version.Digest = string(ref.Digest)
	saved, _, err := d.Catalog.SaveData(ctx, version, mark(in.Key, "data", in.By, ""))
	return contract.DataVersion{Name: saved.Name, Version: saved.Version, Digest: saved.Digest}, err
}

// Validate checks each table against the schema. Failures are a verdict; a table that can't be read is an error.
func (d *Data) Validate(ctx context.Context, in contract.ValidateDataInput) (contract.Verdict, error) {
	report, stop := beating(ctx)
	defer stop()
	schema, err := readSchema(ctx, d.Store, in.Data)
	if err != nil {
		return contract.Verdict{}, err
	}
	var found dataset.Reports
	files := tables(in.Data)
	seen := map[string]bool{}
	for i, f := range files {
		if f.Role == "schema" || seen[f.Digest] {
			continue
		}
		seen[f.Digest] = true
		report(i, len(files), "validate "+f.Path)
		table, err := readTable(ctx, d.Store, "data."+f.Role, spec.File{Path: f.Path, Digest: f.Digest}, schema)
		if err != nil {
			return contract.Verdict{}, err
		}
		found = append(found, dataset.Validate(table, schema))
	}
	saved, err := saveReport(ctx, d.Store, found)
	return contract.Verdict{Passed: found.Passed(), Summary: found.Summary(), Report: saved, Metrics: found.Quality()}, err
}

func readSchema(ctx context.Context, store *artifacts.Store, data spec.Data) (*dataset.Schema, error) {
	b, err := read(ctx, store, "data.schema", data.Schema.Digest)
	if err != nil {
		return nil, err
	}
	schema, err := dataset.ParseSchema(data.Schema.Path, b)
	if err != nil {
		return nil, invalid{err}
	}
	return schema, nil
}

func readTable(ctx context.Context, store *artifacts.Store, field string, file spec.File, schema *dataset.Schema) (*dataset.Table, error) {
	b, err := read(ctx, store, field, file.Digest)
	if err != nil {
		return nil, err
	}
	table, err := dataset.ReadCSV(bytes.NewReader(b), file.Path, dataset.CSVOptions{MaxBytes: maxBlob, Schema: schema})
	if err != nil {
		return nil, invalid{err}
	}
	return table, nil
}
