package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DataFile is one file of a data version. Role says what it is used for (train, test, reference, …).
type DataFile struct {
	Path   string `db:"path" json:"path"`
	Role   string `db:"role" json:"role"`
	Digest string `db:"digest" json:"digest"`
	Size   int64  `db:"size" json:"size"` // bytes
}

// DataVersion is an immutable snapshot of data. Its identity is Digest, the
// digest of its manifest, over all names.
type DataVersion struct {
	Name        string     `db:"name" json:"name"`
	Version     int64      `db:"version" json:"version"` // counts from 1 per name
	Digest      string     `db:"digest" json:"digest"`
	Description string     `db:"description" json:"description,omitempty"`
	Actor       string     `db:"actor" json:"actor"`
	Bytes       int64      `db:"bytes" json:"bytes"`
	Files       []DataFile `db:"-" json:"files,omitempty"`
	CreatedAt   time.Time  `db:"-" json:"created_at"`
}

const dataColumns = "name, version, digest, description, actor, bytes, created_at"

type dataRow struct {
	DataVersion
	CreatedAt stamp `db:"created_at"`
}

func (r dataRow) data() DataVersion {
	r.DataVersion.CreatedAt = r.CreatedAt.time()
	return r.DataVersion
}

// savedData is the result of SaveData on record; the files stay out of the audit log.
type savedData struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	Digest  string `json:"digest"`
	Existed bool   `json:"existed"`
}

// SaveData puts a data version on record. Content that is on record already,
// under whatever name, comes back as it was first saved, with existed true.
// Version must be 0; Bytes 0 becomes the sum of the files; an empty Actor
// becomes the mark's.
func (c *Catalog) SaveData(ctx context.Context, d DataVersion, m Mark) (saved DataVersion, existed bool, err error) {
	if err := checkDataVersion(d); err != nil {
		return DataVersion{}, false, fmt.Errorf("save data: %w", err)
	}
	result, err := apply(ctx, c, m, ActionDataSaved, DataSubject(d.Digest), func(t *tx) (move[savedData], error) {
		old, found, err := t.dataByDigest(ctx, d.Digest)
		if err != nil {
			return move[savedData]{}, err
		}
		if found {
			return move[savedData]{after: savedData{old.Name, old.Version, old.Digest, true}}, nil
		}
		version, err := t.insertData(ctx, d, m.Actor)
		return move[savedData]{after: savedData{d.Name, version, d.Digest, false}}, err
	})
	if err != nil {
		return DataVersion{}, false, err
	}
	saved, err = c.Data(ctx, result.Digest)
	return saved, result.Existed, err
}

func checkDataVersion(d DataVersion) error {
	if err := checkName("data name", d.Name); err != nil {
		return err
	}
	// A reference "sha256:…" is a digest.
	if strings.Contains(d.Name, ":") {
		return invalid("data name %q has a ':'", d.Name)
	}
	if d.Version != 0 {
		return invalid("data version %s@%d: the catalog numbers versions, leave it 0", d.Name, d.Version)
	}
	if !isDigest(d.Digest) {
		return invalid("digest %q of data %s is not of the form algorithm:hex", d.Digest, d.Name)
	}
	return nil
}

func isDigest(s string) bool {
	algorithm, hex, found := strings.Cut(s, ":")
	return found && checkNames("algorithm", algorithm, "digest", hex) == nil
}

func (t *tx) insertData(ctx context.Context, d DataVersion, actor string) (int64, error) {
	var version int64
	if _, err := t.get(ctx, &version, `INSERT INTO data_names(name, last_version) VALUES (?, 1)
		ON CONFLICT (name) DO UPDATE SET last_version = data_names.last_version + 1 RETURNING last_version`, d.Name); err != nil {
		return 0, err
	}
	if d.Actor == "" {
		d.Actor = actor
	}
	if d.CreatedAt.IsZero() {
		d.CreatedAt = t.now
	}
	var total int64
	files := make([][]any, len(d.Files))
	for i, f := range d.Files {
		total += f.Size
		files[i] = []any{d.Digest, i, f.Path, f.Role, f.Digest, f.Size}
	}
	if d.Bytes == 0 {
		d.Bytes = total
	}
	if err := t.insert(ctx, "data_versions("+dataColumns+")", "",
		[]any{d.Name, version, d.Digest, d.Description, d.Actor, d.Bytes, stamp(d.CreatedAt)}); err != nil {
		return 0, err
	}
	return version, t.insert(ctx, "data_files(version_digest, seq, path, role, digest, size)", "", files...)
}

func (t *tx) dataByDigest(ctx context.Context, digest string) (DataVersion, bool, error) {
	var row dataRow
	found, err := t.get(ctx, &row, "SELECT "+dataColumns+" FROM data_versions WHERE digest = ?", digest)
	return row.data(), found, err
}

// DataVersions lists the versions of a name, or of all names if it is empty,
// newest first and without their Files.
func (c *Catalog) DataVersions(ctx context.Context, name string) ([]DataVersion, error) {
	var q query
	if name != "" {
		q.where("name = ?", name)
	}
	return list(ctx, c, "list data versions", dataRow.data,
		q.sql("SELECT "+dataColumns+" FROM data_versions", "created_at DESC, name, version DESC", 0), q.args...)
}

// Data finds a data version by its digest, by "name@version", or by "name" for
// the latest version. The error is ErrNotFound if there is none.
func (c *Catalog) Data(ctx context.Context, ref string) (DataVersion, error) {
	var q query
	name, number, numbered := strings.Cut(ref, "@")
	switch {
	case strings.Contains(ref, ":"):
		q.where("digest = ?", ref)
	case numbered:
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return DataVersion{}, invalid("data %q: write a digest, name or name@version with a whole number", ref)
		}
		q.where("name = ? AND version = ?", name, version)
	default:
		q.where("name = ?", name)
	}
	var data DataVersion
	err := c.view(ctx, "read data version", func(t *tx) error {
		var row dataRow
		found, err := t.get(ctx, &row, q.sql("SELECT "+dataColumns+" FROM data_versions", "version DESC", 1), q.args...)
		if err != nil {
			return err
		}
		if !found {
			return notFound("data %q", ref)
		}
		data = row.data()
		return t.all(ctx, &data.Files, "SELECT path, role, digest, size FROM data_files WHERE version_digest = ? ORDER BY seq", data.Digest)
	})
	return data, err
}
