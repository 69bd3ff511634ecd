package artifacts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// The manifest is a persisted format, and its digest is the identity of data:
// see docs/formats.md, section "Repository".
const (
	leafHeader = "slipway-tree 1\n"
	rootHeader = "slipway-tree-shards 1\n"
	// shardFrom is the number of files from which on a manifest is sharded; one of
	// more than shardBytes is too.
	shardFrom = 10_000
	// shardMask ends a shard after a path whose hash has these bits zero: one in
	// 4096. So a file added or removed changes one shard and the root.
	shardMask = 1<<12 - 1
	// A shard ends at these sizes in any case.
	shardFiles = 32 << 10
	shardBytes = 4 << 20
	// maxPath bounds a path in bytes.
	maxPath = 4096
)

// shard is a line of a root: a manifest of some files, next to each other in the order of paths.
type shard struct {
	sum          blobindex.Sum
	files, bytes int64
	first        string // path
}

// checkPath accepts what is a file's path on every system and below the folder it is joined to.
func checkPath(p string) error {
	switch {
	case p == "" || p == "." || len(p) > maxPath:
		return fmt.Errorf("%w: path of %d bytes, must be 1 to %d", ErrUnsupported, len(p), maxPath)
	case !utf8.ValidString(p):
		return fmt.Errorf("%w: path %q is not UTF-8: rename it", ErrUnsupported, clip(p))
	case strings.ContainsRune(p, 0):
		return fmt.Errorf("%w: path %q holds a NUL", ErrUnsupported, clip(p))
	case path.Clean("/"+p) != "/"+p:
		return fmt.Errorf("%w: path %q is not relative, or has an empty, \".\" or \"..\" element", ErrUnsupported, clip(p))
	}
	return nil
}

// escapePath makes a path one line: '%' and control characters become %XX.
func escapePath(b []byte, p string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(p) {
		if c := p[i]; c < 0x20 || c == 0x7f || c == '%' {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

func unescapePath(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("path ends in an escape")
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", errors.New("path has a bad escape")
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

func appendEntry(b []byte, e Entry) []byte {
	b = append(b, e.Digest.Hex()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, e.Size, 10)
	b = append(b, ' ')
	return append(escapePath(b, e.Path), '\n')
}

// manifests returns the manifest of sorted entries: the root, last, and before it its
// shards if it has any.
func manifests(entries []Entry) [][]byte {
	if len(entries) < shardFrom {
		b := []byte(leafHeader)
		for _, e := range entries {
			b = appendEntry(b, e)
		}
		if len(b) <= shardBytes {
			return [][]byte{b}
		}
	}
	var all [][]byte
	root := []byte(rootHeader)
	for len(entries) > 0 {
		b := []byte(leafHeader)
		var n int
		var size int64
		for n < len(entries) {
			e := entries[n]
			b, n, size = appendEntry(b, e), n+1, size+e.Size
			if endsShard(e.Path) || n == shardFiles || len(b) >= shardBytes {
				break
			}
		}
		sum := blobindex.Sum(sha256.Sum256(b))
		root = fmt.Appendf(root, "%s %d %d ", sum, n, size)
		root = append(escapePath(root, entries[0].Path), '\n')
		all, entries = append(all, b), entries[n:]
	}
	return append(all, root)
}

func endsShard(p string) bool {
	h := sha256.Sum256([]byte(p))
	return (uint32(h[0])<<8|uint32(h[1]))&shardMask == 0
}

// errManifest tells what is wrong with a manifest whose hash is right, so that
// whoever wrote it did wrong.
func errManifest(line int, err error) error {
	return fmt.Errorf("%w: manifest, line %d: %w", errPacked, line, err)
}

// parseManifest reads a manifest: entries of a leaf or shards of a root.
// It accepts the canonical form only.
func parseManifest(b []byte) (entries []Entry, shards []shard, err error) {
	leaf := bytes.HasPrefix(b, []byte(leafHeader))
	if !leaf && !bytes.HasPrefix(b, []byte(rootHeader)) {
		return nil, nil, errManifest(1, errors.New("it is no manifest of a known version"))
	}
	line, last := 1, ""
	lines := strings.SplitAfter(string(b), "\n")
	for _, text := range lines[1:] {
		line++
		if text == "" && line == len(lines) {
			break
		}
		text, ended := strings.CutSuffix(text, "\n")
		if !ended {
			return nil, nil, errManifest(line, errors.New("it is cut short"))
		}
		var p string
		if leaf {
			e, err := parseEntry(text)
			if err != nil {
				return nil, nil, errManifest(line, err)
			}
			entries, p = append(entries, e), e.Path
		} else {
			s, err := parseShard(text)
			if err != nil {
				return nil, nil, errManifest(line, err)
			}
			shards, p = append(shards, s), s.first
		}
		if line > 2 && p <= last {
			return nil, nil, errManifest(line, errors.New("paths are not in order"))
		}
		last = p
	}
	if !leaf && len(shards) == 0 {
		return nil, nil, errManifest(1, errors.New("it has no shards"))
	}
	return entries, shards, nil
}

func parseEntry(text string) (Entry, error) {
	hex, size, p, err := parseLine(text)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Path: p, Size: size, Digest: Digest(digestPrefix + hex)}, nil
}

func parseShard(text string) (shard, error) {
	hash, rest, _ := strings.Cut(text, " ")
	count, rest, ok := strings.Cut(rest, " ")
	files, err := parseCount(count)
	if !ok || err != nil || files == 0 {
		return shard{}, errors.New("number of files")
	}
	digits, size, p, err := parseLine(hash + " " + rest)
	if err != nil {
		return shard{}, err
	}
	s := shard{files: files, bytes: size, first: p}
	_, err = hex.Decode(s.sum[:], []byte(digits))
	return s, err
}

// parseLine reads "HASH SIZE PATH" in its canonical spelling.
func parseLine(text string) (hash string, size int64, p string, err error) {
	hash, rest, _ := strings.Cut(text, " ")
	number, escaped, ok := strings.Cut(rest, " ")
	if !ok {
		return "", 0, "", errors.New("it has too few fields")
	}
	if _, err := ParseDigest(digestPrefix + hash); err != nil {
		return "", 0, "", err
	}
	if size, err = parseCount(number); err != nil {
		return "", 0, "", err
	}
	if p, err = unescapePath(escaped); err != nil {
		return "", 0, "", err
	}
	if string(escapePath(nil, p)) != escaped {
		return "", 0, "", errors.New("the path is not escaped canonically")
	}
	return hash, size, p, checkPath(p)
}

func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is not a size", clip(s))
	}
	return n, nil
}

// sortEntries brings entries in order and refuses what cannot be a tree: a bad
// path or digest, a path given twice, a file that is also a folder.
func sortEntries(entries []Entry) ([]Entry, error) {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	files := make(map[string]bool, len(sorted))
	for i, e := range sorted {
		if err := checkPath(e.Path); err != nil {
			return nil, err
		}
		if _, err := ParseDigest(string(e.Digest)); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Path, err)
		}
		if e.Size < 0 {
			return nil, fmt.Errorf("%s: size is %d", e.Path, e.Size)
		}
		if i > 0 && sorted[i-1].Path == e.Path {
			return nil, fmt.Errorf("%w: path %q is there twice", ErrUnsupported, clip(e.Path))
		}
		files[e.Path] = true
	}
	for _, e := range sorted {
		for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) {
			if files[dir] {
				return nil, fmt.Errorf("%w: %q is a file and the folder of %q", ErrUnsupported, clip(dir), clip(e.Path))
			}
		}
	}
	return sorted, nil
}
