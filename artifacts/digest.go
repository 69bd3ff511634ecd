package artifacts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// digestPrefix names the one hash function in use. It is part of every digest
// so that another can be added without guessing which one a string means.
const digestPrefix = "sha256:"

// Digest names content: "sha256:" and 64 lower-case hexadecimal digits, the
// form OCI images, cosign and SLSA use too.
type Digest string

// ParseDigest returns s as a Digest. Anything but the canonical form is
// refused: other hash functions, upper-case digits, surrounding space.
func ParseDigest(s string) (Digest, error) {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok {
		return "", fmt.Errorf("parse digest %q: it must start with %q", clip(s), digestPrefix)
	}
	if len(digits) != 2*sha256.Size {
		return "", fmt.Errorf("parse digest %q: %d characters after %q, want %d", clip(s), len(digits), digestPrefix, 2*sha256.Size)
	}
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("parse digest %q: %q is not a lower-case hexadecimal digit", clip(s), c)
		}
	}
	return Digest(s), nil
}

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest {
	sum := sha256.Sum256(b)
	return Digest(digestPrefix + hex.EncodeToString(sum[:]))
}

// Hex returns the 64 hexadecimal digits without the prefix.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), digestPrefix) }

// sumDigest returns the digest of what was written to h, a SHA-256.
func sumDigest(h hash.Hash) Digest {
	return Digest(digestPrefix + hex.EncodeToString(h.Sum(nil)))
}

// clip shortens s for a message: a digest may come from anywhere, in any length.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
