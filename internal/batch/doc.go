// Package batch predicts the rows of a data version with one model version,
// shard by shard: the domain behind the workflow Batch.
//
// A Plan fixes everything that the output depends on (the digests of model and
// data, the rows of each shard, the keys, the rows of one run of the model), so
// that a shard can be computed anywhere, any number of times, with the same
// result. A Job reads one shard's rows, asks the model and writes a Parquet file:
// key columns, row number, prediction, probabilities, model version and error.
//
// The model runs in a process of its own that can do little harm (Loader, on
// package modelserver), which a worker keeps from one shard to the next (Pool).
//
// The package must never import workflows, SQL or the blob store: it is given
// sources to read from and writers to write to.
//
// Invariants: memory does not grow with the rows of a shard or the shards of a
// plan; every row of the input is one row of the output, in order; a row that
// the model refuses has an error and no prediction; values of personal columns
// reach the output masked or not at all, in errors neither; a child that breaks
// is an error that names the rows it was at, never a harm to its parent.
package batch
