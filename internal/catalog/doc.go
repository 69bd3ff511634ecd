// Package catalog keeps the facts of a deployment in SQL: releases, data
// versions, models, routes, the state of the data plane and the audit log. The
// same code and the same migrations run on SQLite, for one host, and on
// PostgreSQL.
//
// Invariants, held by the schema or by one transaction:
//
//   - every mutation that takes a [Mark] writes its event in the same
//     transaction; a Mark whose key is on record already is answered with the
//     recorded result and changes nothing;
//   - events are insert-only and hash-chained; ids have no gaps; see
//     [Catalog.VerifyEvents];
//   - a model has at most one active release and at most one version in
//     production, which of a model with a route is the route's stable version and
//     of a model with neither a release nor a route moves by hand;
//   - a route changes by compare-and-set on its revision, which only grows;
//   - equal data content is one data version, whatever its name;
//   - version numbers come from a counter on the parent row and have no gaps.
//
// Mutations with a Mark run one after another: each first locks the head of the
// event chain. They are rare (a release makes some dozens). What gateways write
// every second (beats, traffic, segments) takes no such lock.
//
// Times are stored as microseconds since 1970 UTC and come back in UTC. Digests
// and blobs are strings to this package. It must never import artifacts (but for
// the plain types of artifacts/blobindex, whose index it keeps), the Temporal SDK or anything that does statistics.
package catalog
