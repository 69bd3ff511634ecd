package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ModelFile is one file of a model version's content. Path is relative to it.
type ModelFile struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"` // bytes
}

// ModelFiles are the tracked files below a folder as the content of a version.
func ModelFiles(folder string, tracked []TrackedFile) []ModelFile {
	files := make([]ModelFile, len(tracked))
	for i, f := range tracked {
		files[i] = ModelFile{Path: strings.TrimPrefix(strings.TrimPrefix(f.Path, folder), "/"), Digest: f.Digest, Size: f.Size}
	}
	return files
}

// ContentDigest is the digest of a model version that is a folder: "sha256:" and
// the hex SHA-256 of the canonical JSON of its files, sorted by path (bytes).
// It is empty for no files.
func ContentDigest(files []ModelFile) (string, error) {
	if len(files) == 0 {
		return "", nil
	}
	text, err := canonicalOf(files)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
