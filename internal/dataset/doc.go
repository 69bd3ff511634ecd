// Package dataset holds tables: reading CSV into Arrow, the schema that says
// what a table must look like, the verdict of a schema on a table, and the
// manifest whose digest identifies a data version.
//
// The package must never import workflows, SQL, blobs, models or the release spec.
//
// Invariants: a Table does not change once it is made; reading is bounded in
// bytes for the file, a row and a field; every error about a file names the
// file, the line, what was found and what was wanted; values of columns marked
// personal appear in no report and no error; every number in a Report is finite.
package dataset
