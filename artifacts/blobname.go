package artifacts

import (
	"crypto/sha256"
	"strings"

	"github.com/zeebo/blake3"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// BlobName names a blob of a repository: "sha256:", or "blake3:" if it is a chunk of a large
// file, and 64 lower-case hexadecimal digits. The name of a file or manifest is its Digest.
type BlobName string

const chunkPrefix = "blake3:"

// hashOf returns the hash that names content of a kind. A list is named by the hash of its file.
//
// The bytes of a large file are hashed twice, all of them for its digest and each chunk for its
// name; the second need not be the slower function.
func hashOf(kind blobindex.Kind, content []byte) blobindex.Sum {
	if kind == blobindex.Chunk {
		return blake3.Sum256(content)
	}
	return sha256.Sum256(content)
}

func nameOf(kind blobindex.Kind, sum blobindex.Sum) BlobName {
	if kind == blobindex.Chunk {
		return BlobName(chunkPrefix + sum.String())
	}
	return BlobName(digestOfSum(sum))
}

// sum returns the hash in a name.
func (n BlobName) sum() (blobindex.Sum, error) {
	if digits, ok := strings.CutPrefix(string(n), chunkPrefix); ok {
		return sumOf(Digest(digestPrefix + digits))
	}
	return sumOf(Digest(n))
}
