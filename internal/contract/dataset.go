package contract

import "time"

// AddDataInput makes a file or folder on the worker's host a data version.
type AddDataInput struct {
	// Path is relative to the import folder of the worker, with slashes.
	Path        string `json:"path"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	By          string `json:"by"`
}

// AddDataOutput tells which version the data is.
type AddDataOutput struct {
	Version DataVersion `json:"version"`
	// Existed tells that equal content was on record already, under whatever name.
	Existed bool  `json:"existed"`
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	Stored  int64 `json:"stored"` // bytes newly written
}

// ListDataInput selects data versions.
type ListDataInput struct {
	Name    string `json:"name,omitempty"` // empty: all names
	Deleted bool   `json:"deleted,omitempty"`
	Limit   int    `json:"limit,omitempty"` // 0 means 100; at most 1000
}

// ListDataOutput is newest first.
type ListDataOutput struct {
	Versions []DataInfo `json:"versions"`
}

// DataInfo is what is known of a data version. Times are zero for what has not happened.
type DataInfo struct {
	DataVersion
	Description string    `json:"description,omitempty"`
	Files       int64     `json:"files"`
	Bytes       int64     `json:"bytes"`
	Tags        []string  `json:"tags,omitempty"`
	By          string    `json:"by"`
	CreatedAt   time.Time `json:"created_at"`
	Hold        string    `json:"hold,omitempty"`
	DeletedAt   time.Time `json:"deleted_at,omitzero"`
	KeepUntil   time.Time `json:"keep_until,omitzero"`
	CollectedAt time.Time `json:"collected_at,omitzero"`
}

// DataRef names a data version: a digest or 8 and more of its digits, a tag, name@version or name.
type DataRef struct {
	Ref string `json:"ref"`
}

// ShowDataOutput is a version and the first 1000 of its files, by path.
type ShowDataOutput struct {
	DataInfo
	Entries []DataEntry `json:"entries"`
}

// DataEntry is one file of a version.
type DataEntry struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"` // bytes
	Digest string `json:"digest"`
}

// GetDataInput writes a part of a version below the export folder of the worker.
type GetDataInput struct {
	Ref string `json:"ref"`
	// Paths picks files and folders; none picks all.
	Paths []string `json:"paths,omitempty"`
	// Columns picks the columns of tables (CSV and Parquet); none picks all.
	Columns []string `json:"columns,omitempty"`
	// Schema, where given, is the digest of a stored schema whose personal columns
	// are masked with the worker's key; every picked file must then be CSV or Parquet.
	Schema string `json:"schema,omitempty"`
	// To is a folder relative to the export folder, with slashes; it is made.
	To string `json:"to"`
}

// GetDataOutput counts what was written.
type GetDataOutput struct {
	Version DataVersion `json:"version"`
	Files   int64       `json:"files"`
	Bytes   int64       `json:"bytes"` // of the files in the version
}

// DiffDataInput compares two versions, each named as in DataRef.
type DiffDataInput struct {
	A string `json:"a"`
	B string `json:"b"`
}

// DiffDataOutput counts all differences from A to B and lists the first 1000, by path.
type DiffDataOutput struct {
	Added   int64        `json:"added"`
	Removed int64        `json:"removed"`
	Changed int64        `json:"changed"`
	Changes []DataChange `json:"changes"`
}

// DataChange is a file that differs; Before is nil for an added one, After for a removed one.
type DataChange struct {
	Path   string     `json:"path"`
	Before *DataEntry `json:"before,omitempty"`
	After  *DataEntry `json:"after,omitempty"`
}

// VerifyDataInput names the versions to verify; none means everything.
type VerifyDataInput struct {
	Refs []string `json:"refs,omitempty"`
}

// VerifyDataOutput counts what was read, all damage, and lists the first 1000 places. Damage is a result, not an error.
type VerifyDataOutput struct {
	Versions int64        `json:"versions"`
	Files    int64        `json:"files"`
	Bytes    int64        `json:"bytes"`
	Damaged  int64        `json:"damaged"`
	Damage   []DataDamage `json:"damage"`
}

// DataDamage is one damaged or missing part.
type DataDamage struct {
	Version string `json:"version,omitempty"` // name@version; empty for what no version needs
	Path    string `json:"path,omitempty"`
	Object  string `json:"object,omitempty"` // in the store
	Reason  string `json:"reason"`
}

// TagDataInput points a tag at a version, wherever it was.
type TagDataInput struct {
	Ref    string `json:"ref"`
	Tag    string `json:"tag"`
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// DeleteDataInput deletes a version; until Keep has passed it can be restored.
type DeleteDataInput struct {
	Ref    string        `json:"ref"`
	Keep   time.Duration `json:"keep"` // nanoseconds; 0 means 720 h, negative none
	By     string        `json:"by"`
	Reason string        `json:"reason,omitempty"`
}

// RestoreDataInput takes a deletion back.
type RestoreDataInput struct {
	Ref    string `json:"ref"`
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// HoldDataInput puts a version under legal hold, or ends the hold.
type HoldDataInput struct {
	Ref    string `json:"ref"`
	End    bool   `json:"end,omitempty"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// CollectDataInput frees what deleted versions no longer need.
type CollectDataInput struct {
	Grace  time.Duration `json:"grace"` // nanoseconds; 0 means 24 h
	DryRun bool          `json:"dry_run,omitempty"`
	By     string        `json:"by"`
}

// CollectDataOutput tells what was freed, or would be.
type CollectDataOutput struct {
	// Versions whose content was given up, as name@version.
	Versions []string `json:"versions"`
	Blobs    int64    `json:"blobs"`
	Kept     int64    `json:"kept"`  // blobs
	Freed    int64    `json:"freed"` // bytes
}

// DataLineageOutput lists what used a version, oldest first.
type DataLineageOutput struct {
	Uses []DataUse `json:"uses"`
}

// DataUse is a model (name/version) and a release (model/version) that used a data version, and where they stand.
type DataUse struct {
	At      time.Time `json:"at"`
	Model   string    `json:"model,omitempty"`
	Stage   string    `json:"stage,omitempty"`
	Release string    `json:"release,omitempty"`
	Outcome string    `json:"outcome,omitempty"`
}

// CheckDataInput checks tables of a version against a stored schema. Its result is a Verdict.
type CheckDataInput struct {
	Ref string `json:"ref"`
	// Paths picks files; none picks all tables.
	Paths []string `json:"paths,omitempty"`
	// Schema is the digest of the stored schema, Reference that of a stored profile to compare with.
	Schema    string `json:"schema"`
	Reference string `json:"reference,omitempty"`
	// Environment is that of the tables, where the schema has parts that apply in some only.
	Environment string `json:"environment,omitempty"`
}

// TableInput names one table of a version.
type TableInput struct {
	Ref string `json:"ref"`
	// Path may be empty where the version has one table.
	Path string `json:"path,omitempty"`
	// Schema, where given, says what the columns mean: the digest of a stored schema.
	Schema string `json:"schema,omitempty"`
}

// InferSchemaOutput is the digest of the stored schema.
type InferSchemaOutput struct {
	Schema string `json:"schema"`
}
