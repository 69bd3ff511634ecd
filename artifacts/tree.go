package artifacts

// Tree is a set of files under one digest: that of its canonical manifest, which
// depends on their paths, sizes and contents and on nothing else.
type Tree struct {
	Digest Digest `json:"digest"`
	Files  int64  `json:"files"`
	Bytes  int64  `json:"bytes"`
	// Stored is the bytes newly written to the store for it, 0 if all was there.
	Stored int64 `json:"stored"`
}

// Entry is one file of a tree. Modes, times and owners are not part of it, so
// that a copy of the data has the same digest.
type Entry struct {
	// Path is relative to the tree, with slashes: no empty, "." or ".." element,
	// valid UTF-8.
	Path string `json:"path"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Digest is the SHA-256 of the file's bytes, however they are stored.
	Digest Digest `json:"digest"`
}

// Change is one difference between two trees. Before is nil for an added file,
// After for a removed one; neither for one whose content changed.
type Change struct {
	Path   string `json:"path"`
	Before *Entry `json:"before,omitempty"`
	After  *Entry `json:"after,omitempty"`
}
