package artifacts

import "strings"

// Ref names stored bytes.
type Ref struct {
	// Digest is the identity of the bytes.
	Digest Digest `json:"digest"`
	// Size is their number.
	Size int64 `json:"size"`
	// MediaType says how whoever stored them reads them, such as
	// "application/vnd.onnx". It belongs to the reference, not to the bytes:
	// Put returns what it was given, Stat and List leave it empty.
	MediaType string `json:"media_type,omitempty"`
}

// casPrefix is the folder of all blobs. It and the shape of a key are a
// persisted format: see docs/formats.md.
const casPrefix = "cas/sha256/"

// keyOf returns the key of d: cas/sha256/ab/cd/<64 hex>. Two levels of 256
// folders keep a folder below a few thousand entries up to 10^8 blobs.
func keyOf(d Digest) string {
	h := d.Hex()
	return casPrefix + h[:2] + "/" + h[2:4] + "/" + h
}

// digestOfKey is the inverse of keyOf; ok is false for any key that keyOf
// does not make, such as a temporary file of another tool.
func digestOfKey(key string) (d Digest, ok bool) {
	d, err := ParseDigest(digestPrefix + key[strings.LastIndexByte(key, '/')+1:])
	if err != nil || keyOf(d) != key {
		return "", false
	}
	return d, true
}
