// Package spec is the release spec: what an ML platform team writes in
// release.yaml, as Go types with defaults, strict reading, validation and the
// JSON Schema for editors.
//
// Two forms are read by one strict decoder: YAML that names files by path (Load,
// Parse) and JSON with files resolved to digests, the input of the Release
// workflow (DecodeJSON). A workflow itself calls SetDefaults and
// ResolvedValidate, which are pure and deterministic.
//
// Invariants: a spec that was read is complete (defaults filled in) and valid;
// an error tells all problems, each with file, line, field and what is allowed;
// nothing is lost between YAML, Go and JSON. The package never imports
// Temporal, SQL or blobs.
package spec
