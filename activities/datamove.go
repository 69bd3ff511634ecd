package activities

import (
	"context"
	"errors"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// Tag points a tag at a version, wherever it was.
func (d *Datasets) Tag(ctx context.Context, in contract.TagDataInput) (contract.DataInfo, error) {
	return d.move(ctx, in.Ref, func(c *catalog.Catalog, digest string) error {
		old, err := c.DataTag(ctx, in.Tag)
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return err
		}
		_, err = c.SetDataTag(ctx, digest, in.Tag, old.Rev, stepMark(ctx, in.By, in.Reason))
		return err
	})
}

// Delete hides a version; it can be restored for a while.
func (d *Datasets) Delete(ctx context.Context, in contract.DeleteDataInput) (contract.DataInfo, error) {
	return d.move(ctx, in.Ref, func(c *catalog.Catalog, digest string) error {
		_, err := c.DeleteData(ctx, digest, keepFor(in.Keep), stepMark(ctx, in.By, in.Reason))
		return err
	})
}

// Restore takes a deletion back.
func (d *Datasets) Restore(ctx context.Context, in contract.RestoreDataInput) (contract.DataInfo, error) {
	return d.move(ctx, in.Ref, func(c *catalog.Catalog, digest string) error {
		_, err := c.RestoreData(ctx, digest, stepMark(ctx, in.By, in.Reason))
		return err
	})
}

// Hold puts a version under legal hold, or ends the hold.
func (d *Datasets) Hold(ctx context.Context, in contract.HoldDataInput) (contract.DataInfo, error) {
	return d.move(ctx, in.Ref, func(c *catalog.Catalog, digest string) error {
		if in.End {
			_, err := c.ReleaseData(ctx, digest, stepMark(ctx, in.By, in.Reason))
			return err
		}
		_, err := c.HoldData(ctx, digest, stepMark(ctx, in.By, in.Reason))
		return err
	})
}

// move changes a version and tells what it is then.
func (d *Datasets) move(ctx context.Context, ref string, do func(c *catalog.Catalog, digest string) error) (contract.DataInfo, error) {
	c := d.Library.Catalog()
	v, err := c.Data(ctx, ref)
	if err != nil {
		return contract.DataInfo{}, err
	}
	if err := do(c, v.Digest); err != nil {
		return contract.DataInfo{}, err
	}
	v, err = c.Data(ctx, v.Digest)
	return infoOf(v), err
}

// Lineage lists what used a version.
func (d *Datasets) Lineage(ctx context.Context, in contract.DataRef) (contract.DataLineageOutput, error) {
	v, err := d.Library.Catalog().Data(ctx, in.Ref)
	if err != nil {
		return contract.DataLineageOutput{}, err
	}
	uses, err := d.Library.Lineage(ctx, v)
	out := contract.DataLineageOutput{Uses: make([]contract.DataUse, len(uses))}
	for i, u := range uses {
		out.Uses[i] = contract.DataUse{At: u.At, Model: u.Model, Stage: u.Stage, Release: u.Release, Outcome: u.Outcome}
	}
	return out, err
}
