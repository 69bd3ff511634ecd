// Package dataversion holds the two halves of data versions together: what the
// catalog knows of them and the bytes in the artifact store. It adds, compares,
// gets, verifies and collects them, for the command line and for activities.
//
// A version is a tree of the artifact repository, whether `slipway data add`
// makes it or a release (Assemble), or a set of blobs of the store, as the first
// releases uploaded them. Reading works for both.
//
// The package must never import workflows, activities or the control API.
//
// Invariants: the content of a version is stored before the catalog knows the
// version; a version is given up in the catalog before any of its content is
// deleted; nothing is written outside of the folder that a caller names; every
// byte that leaves the store was checked.
package dataversion
