// Package dataset holds tables: reading them as Arrow batches from CSV,
// Parquet, NPY, NPZ and JSON lines, the schema that says what a table must look
// like, the verdict of a schema on a table, schemas and profiles drawn from
// data, and masking.
//
// A pass over a Source (scan) hands each column of each batch to a columnState,
// which reads the cells as they are meant (meaning, vector), keeps statistics of
// bounded size (moments, sample, counter) and runs the column's checks; rowChecks
// then look across columns. Parquet is read column by column (columnSource), by the
// workers that look at them: parquetColumn takes the pages apart, and leaves what
// it does not know to the Parquet library. Rows that are stored as indices of a
// dictionary stay so (codes): what is asked of a value is asked of it once.
//
// The package must never import workflows, SQL, blobs, models or the release spec.
//
// The states of two runs of rows merge into that of both (merge, CheckParts), so
// that the parts of a table are checked side by side.
//
// Invariants: a Table does not change once it is made; reading is bounded in
// bytes for a row and a field, and memory does not grow with rows; a report does
// not depend on how rows come in batches or on how many workers look at them (of
// a table in parts: but for estimates, and the last digits of means and sums);
// every error about a file names the file, the line, what was found and what was
// wanted; values of columns marked personal appear in no report and no error;
// every number in a Report is finite, and one that is an estimate says so.
package dataset
