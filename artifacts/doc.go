// Package artifacts is Slipway's content-addressed store: data sets, models,
// reports and evidence are written once under the SHA-256 of their bytes and
// named by that digest everywhere else.
//
// A store is a folder, an S3 bucket or memory, all behind gocloud.dev/blob.
// The layout is specified in docs/formats.md, section "Artifact store".
//
// Invariants:
//
//   - A blob is final. Its key is its digest, so a second write of the same
//     bytes is a no-op and two racing writers cannot harm each other.
//   - Put returns only when the bytes are there for good. In a folder that
//     means: file synced, renamed into place, every folder above it synced.
//     A crash at any moment leaves whole blobs and temporary files, never a
//     short blob under a final key.
//   - Nothing is trusted on the way out. Every read hashes what it delivers,
//     and the last read fails with ErrDamaged instead of io.EOF when the bytes
//     are not the ones the digest names.
//   - A digest that did not pass ParseDigest never becomes a key or a path.
//
// A [Repository] keeps files and folders in the same store, in packs: equal
// content once, large files in chunks, small ones together, compressed and
// encrypted where that is wanted. Its invariants:
//
//   - A tree is named by the digest of its canonical manifest, which depends on
//     paths, sizes and contents only; how they are stored never shows in it.
//   - What Add acknowledged is whole as long as it is a root of every collection,
//     whoever is killed when: records of what lies where come after the bytes,
//     and go before them.
//   - Every byte in a pack is under a checksum, every content under its SHA-256, or
//     its BLAKE3 if it is a chunk of a large file; the file itself under its SHA-256.
//
// The package must never import go.temporal.io, the catalog or anything else
// of Slipway: it knows bytes and digests, not models and releases. Which blobs
// are still needed is the catalog's knowledge.
package artifacts
