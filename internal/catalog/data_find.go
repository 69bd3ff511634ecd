package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// minDigits is how many hexadecimal digits of a digest name a version, if no other begins with them.
const minDigits = 8

// DataFilter selects data versions. Zero fields select all that are not deleted.
type DataFilter struct {
	Name    string
	Deleted bool // those that are deleted too
	Limit   int
}

// DataVersions lists the versions of a name, or of all names if it is empty,
// newest first and without their Files.
func (c *Catalog) DataVersions(ctx context.Context, name string) ([]DataVersion, error) {
	return c.ListData(ctx, DataFilter{Name: name})
}

// ListData lists data versions, newest first and without their Files.
func (c *Catalog) ListData(ctx context.Context, f DataFilter) ([]DataVersion, error) {
	var q query
	if f.Name != "" {
		q.where("name = ?", f.Name)
	}
	if !f.Deleted {
		q.where("deleted_at IS NULL")
	}
	var out []DataVersion
	err := c.view(ctx, "list data versions", func(t *tx) error {
		var rows []dataRow
		if err := t.all(ctx, &rows, q.sql("SELECT "+dataColumns+" FROM data_versions", "created_at DESC, name, version DESC", f.Limit), q.args...); err != nil {
			return err
		}
		var tags []DataTag
		if err := t.all(ctx, &tags, "SELECT tag, digest, rev FROM data_tags ORDER BY tag"); err != nil {
			return err
		}
		of := map[string][]string{}
		for _, tag := range tags {
			of[tag.Digest] = append(of[tag.Digest], tag.Tag)
		}
		out = make([]DataVersion, len(rows))
		for i, row := range rows {
			out[i] = row.data()
			out[i].Tags = of[row.Digest]
		}
		return nil
	})
	return out, err
}

// Data finds a data version by a reference, which is one of
//
//	sha256:…        its digest, or the beginning of it with 8 hexadecimal digits or more
//	name@version    a version of a name
//	name            the latest version of a name
//	tag             the version that the tag points at
//	8 to 64 digits  the beginning of a digest
//
// in this order where it could be more than one. A deleted version is found by
// digest and name@version only. The error is ErrNotFound if there is none.
func (c *Catalog) Data(ctx context.Context, ref string) (DataVersion, error) {
	var data DataVersion
	err := c.view(ctx, "read data version", func(t *tx) error {
		var err error
		if data, err = t.findData(ctx, ref); err != nil {
			return err
		}
		if err := t.all(ctx, &data.Tags, "SELECT tag FROM data_tags WHERE digest = ? ORDER BY tag", data.Digest); err != nil {
			return err
		}
		return t.all(ctx, &data.Files, "SELECT path, role, digest, size FROM data_files WHERE version_digest = ? ORDER BY seq", data.Digest)
	})
	return data, err
}

// findData reads the version that a reference names, without tags and files.
func (t *tx) findData(ctx context.Context, ref string) (DataVersion, error) {
	var q query
	name, number, numbered := strings.Cut(ref, "@")
	switch {
	case strings.Contains(ref, ":"):
		return t.dataByPrefix(ctx, ref)
	case numbered:
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return DataVersion{}, invalid("data %q: write a digest, a tag, name or name@version with a whole number", ref)
		}
		q.where("name = ? AND version = ?", name, version)
	default:
		q.where("name = ? AND deleted_at IS NULL", name)
	}
	var row dataRow
	found, err := t.get(ctx, &row, q.sql("SELECT "+dataColumns+" FROM data_versions", "version DESC", 1), q.args...)
	if err != nil || found {
		return row.data(), err
	}
	if !numbered {
		tag, found, err := t.dataTag(ctx, ref)
		if err != nil {
			return DataVersion{}, err
		}
		if found {
			return t.mustData(ctx, tag.Digest)
		}
		if isHex(ref) && len(ref) >= minDigits {
			return t.dataByPrefix(ctx, "sha256:"+ref)
		}
	}
	return DataVersion{}, notFound("data %q", ref)
}

// dataByPrefix finds a version by its digest or by enough of it.
func (t *tx) dataByPrefix(ctx context.Context, ref string) (DataVersion, error) {
	d, found, err := t.dataByDigest(ctx, ref)
	if err != nil || found {
		return d, err
	}
	algorithm, hex, _ := strings.Cut(ref, ":")
	if !isHex(hex) || len(hex) < minDigits {
		return DataVersion{}, notFound("data %q", ref)
	}
	var q query
	q.prefix("digest", algorithm+":"+hex)
	var rows []dataRow
	if err := t.all(ctx, &rows, q.sql("SELECT "+dataColumns+" FROM data_versions", "digest", 2), q.args...); err != nil {
		return DataVersion{}, err
	}
	switch len(rows) {
	case 0:
		return DataVersion{}, notFound("data %q", ref)
	case 1:
		return rows[0].data(), nil
	}
	return DataVersion{}, invalid("data %q: more than one digest begins so, among them %s and %s: write more of it", ref, rows[0].Digest, rows[1].Digest)
}

// mustData is the version of a digest, or ErrNotFound.
func (t *tx) mustData(ctx context.Context, digest string) (DataVersion, error) {
	d, found, err := t.dataByDigest(ctx, digest)
	if err == nil && !found {
		err = notFound("data %q", digest)
	}
	return d, err
}

func isHex(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
}

// Label is how people call the version: name@version.
func (d DataVersion) Label() string { return fmt.Sprintf("%s@%d", d.Name, d.Version) }

// CheckDataName tells whether name can be the name of new data, before its
// content is stored. The error is an ErrInvalid, or an ErrConflict for a tag's name.
func (c *Catalog) CheckDataName(ctx context.Context, name string) error {
	if err := checkDataName(name); err != nil {
		return err
	}
	return c.view(ctx, "check data name", func(t *tx) error { return t.untagged(ctx, name) })
}

func checkDataName(name string) error {
	if err := checkName("data name", name); err != nil {
		return err
	}
	// A reference "sha256:…" is a digest.
	if strings.Contains(name, ":") {
		return invalid("data name %q has a ':'", name)
	}
	return nil
}
