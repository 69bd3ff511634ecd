// Package contract is what crosses Temporal: the names of queues, workflows,
// activities, signals and queries, and their input and result types.
//
// Everything here lands in workflow histories, so it is append-only: a name is
// never renamed, a field is never removed or given another meaning. Payloads
// carry digests and small structs, never data. The package holds no logic
// beyond what the types themselves need and imports nothing of Slipway but spec.
package contract
