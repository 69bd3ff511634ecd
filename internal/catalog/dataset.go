package catalog

import (
	"context"
	"fmt"
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
	Name        string `db:"name" json:"name"`
	Version     int64  `db:"version" json:"version"` // counts from 1 per name
	Digest      string `db:"digest" json:"digest"`
	Description string `db:"description" json:"description,omitempty"`
	Actor       string `db:"actor" json:"actor"`
	Bytes       int64  `db:"bytes" json:"bytes"`
	// Tree tells that the content is a tree of the artifact repository, under
	// Digest. Its files are listed there and not in Files: there may be millions.
	Tree      bool       `db:"tree" json:"tree,omitempty"`
	FileCount int64      `db:"file_count" json:"file_count"`
	Files     []DataFile `db:"-" json:"files,omitempty"`
	Tags      []string   `db:"-" json:"tags,omitempty"` // sorted
	CreatedAt time.Time  `db:"-" json:"created_at"`
	// Hold is why the version must not be deleted; empty without a legal hold.
	Hold string `db:"hold" json:"hold,omitempty"`
	// DeletedAt is when the version was deleted; zero for one that was not. It can
	// be restored until KeepUntil, and after that until CollectedAt, when its
	// content was given up.
	DeletedAt   time.Time `db:"-" json:"deleted_at,omitzero"`
	KeepUntil   time.Time `db:"-" json:"keep_until,omitzero"`
	CollectedAt time.Time `db:"-" json:"collected_at,omitzero"`
}

const dataColumns = "name, version, digest, description, actor, bytes, tree, file_count, hold, created_at, deleted_at, keep_until, collected_at"

type dataRow struct {
	DataVersion
	CreatedAt   stamp `db:"created_at"`
	DeletedAt   stamp `db:"deleted_at"`
	KeepUntil   stamp `db:"keep_until"`
	CollectedAt stamp `db:"collected_at"`
}

func (r dataRow) data() DataVersion {
	d := r.DataVersion
	d.CreatedAt, d.DeletedAt, d.KeepUntil, d.CollectedAt = r.CreatedAt.time(), r.DeletedAt.time(), r.KeepUntil.time(), r.CollectedAt.time()
	return d
}

// savedData is the result of SaveData on record; the files stay out of the audit log.
type savedData struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	Digest  string `json:"digest"`
	Existed bool   `json:"existed"`
	// Restored tells that the version was on record as deleted and no longer is.
	Restored bool `json:"restored,omitempty"`
}

// SaveData puts a data version on record. Content that is on record already,
// under whatever name, comes back as it was first saved, with existed true; if
// it was deleted it no longer is. The caller has stored the content before.
// Version must be 0; Bytes 0 becomes the sum of the files and FileCount 0 their
// number; an empty Actor becomes the mark's. Of a Tree no Files are taken.
func (c *Catalog) SaveData(ctx context.Context, d DataVersion, m Mark) (saved DataVersion, existed bool, err error) {
	return c.saveData(ctx, d, "", m)
}

// SaveDataFor is SaveData that notes in the same transaction that a release
// (its key) uses the version: nobody can delete it while that is under way.
func (c *Catalog) SaveDataFor(ctx context.Context, d DataVersion, releaseKey string, m Mark) (saved DataVersion, existed bool, err error) {
	if err := required("release key", releaseKey); err != nil {
		return DataVersion{}, false, fmt.Errorf("save data: %w", err)
	}
	return c.saveData(ctx, d, releaseKey, m)
}

func (c *Catalog) saveData(ctx context.Context, d DataVersion, releaseKey string, m Mark) (saved DataVersion, existed bool, err error) {
	if err := checkDataVersion(d); err != nil {
		return DataVersion{}, false, fmt.Errorf("save data: %w", err)
	}
	result, err := apply(ctx, c, m, ActionDataSaved, DataSubject(d.Digest), func(t *tx) (move[savedData], error) {
		after, err := t.saveData(ctx, d, m.Actor)
		if err == nil && releaseKey != "" {
			err = t.linkData(ctx, d.Digest, "", releaseKey)
		}
		return move[savedData]{after: after}, err
	})
	if err != nil {
		return DataVersion{}, false, err
	}
	saved, err = c.Data(ctx, result.Digest)
	return saved, result.Existed, err
}

func (t *tx) saveData(ctx context.Context, d DataVersion, actor string) (savedData, error) {
	old, found, err := t.dataByDigest(ctx, d.Digest)
	if err != nil {
		return savedData{}, err
	}
	if found {
		restored := !old.DeletedAt.IsZero()
		if restored {
			err = t.undelete(ctx, old.Digest)
		}
		return savedData{old.Name, old.Version, old.Digest, true, restored}, err
	}
	if err := t.untagged(ctx, d.Name); err != nil {
		return savedData{}, err
	}
	version, err := t.insertData(ctx, d, actor)
	return savedData{Name: d.Name, Version: version, Digest: d.Digest}, err
}

func checkDataVersion(d DataVersion) error {
	if err := checkDataName(d.Name); err != nil {
		return err
	}
	if d.Version != 0 {
		return invalid("data version %s@%d: the catalog numbers versions, leave it 0", d.Name, d.Version)
	}
	if !isDigest(d.Digest) {
		return invalid("digest %q of data %s is not of the form algorithm:hex", d.Digest, d.Name)
	}
	if d.Tree && len(d.Files) > 0 {
		return invalid("data %s is a tree and lists files: the tree's manifest lists them", d.Name)
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
	if d.FileCount == 0 {
		d.FileCount = int64(len(d.Files))
	}
	if err := t.insert(ctx, "data_versions(name, version, digest, description, actor, bytes, tree, file_count, created_at)", "",
		[]any{d.Name, version, d.Digest, d.Description, d.Actor, d.Bytes, d.Tree, d.FileCount, stamp(d.CreatedAt)}); err != nil {
		return 0, err
	}
	return version, t.insert(ctx, "data_files(version_digest, seq, path, role, digest, size)", "", files...)
}

func (t *tx) dataByDigest(ctx context.Context, digest string) (DataVersion, bool, error) {
	var row dataRow
	found, err := t.get(ctx, &row, "SELECT "+dataColumns+" FROM data_versions WHERE digest = ?", digest)
	return row.data(), found, err
}
