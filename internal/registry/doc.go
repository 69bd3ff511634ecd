// Package registry answers questions about registered models that need more than
// the catalog's rows: how two versions differ, in configuration, metrics, tests and
// data, and what a version was made from, down to the files.
//
// It reads and changes nothing; moves are the catalog's. It must never import
// Temporal or the packages that serve requests.
package registry
