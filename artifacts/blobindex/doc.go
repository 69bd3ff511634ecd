// Package blobindex holds the plain types in which a repository of package
// artifacts and the index of its blobs speak to each other, and an index in
// memory.
//
// It must never import artifacts, the catalog or a database: it is what lets
// each of them not know the other.
package blobindex
