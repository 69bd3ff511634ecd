package ensemble

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A packed ensemble is a tar archive (USTAR) of this file and, behind it, the members
// by their digests, each once. Its bytes follow from its content: equal ensembles are equal files.
const (
	fileDocument = "ensemble.json"
	folderMember = "sha256/"
	format       = 1
)

// Source opens the bytes of a member whose digest is known, and tells how many there are.
type Source func(m Member) (body io.ReadCloser, size int64, err error)

// Pack writes an ensemble with its members, each of which has its digest in the
// document. What a source gives is checked against that.
func Pack(out io.Writer, d Document, open Source) error {
	d.Format = format
	members := map[string]Member{}
	for _, s := range d.Steps {
		if s.Model.Digest == "" {
			return fmt.Errorf("pack ensemble: step %s: the digest of %s is not known", s.Name, s.Model)
		}
		members[s.Model.Digest] = s.Model
	}
	if err := d.validate(); err != nil {
		return fmt.Errorf("pack ensemble: %w", err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("pack ensemble: %w", err)
	}
	w := tar.NewWriter(out)
	err = add(w, fileDocument, int64(len(text)), bytes.NewReader(text))
	for _, digest := range slices.Sorted(maps.Keys(members)) {
		if err == nil {
			err = addMember(w, members[digest], open)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("pack ensemble: %w", err)
	}
	return nil
}

func add(w *tar.Writer, name string, size int64, body io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o444, Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err := io.Copy(w, body)
	return err
}

func addMember(w *tar.Writer, m Member, open Source) error {
	body, size, err := open(m)
	if err != nil {
		return fmt.Errorf("%s: %w", m, err)
	}
	hash := sha256.New()
	name := folderMember + strings.TrimPrefix(m.Digest, "sha256:")
	if err := errors.Join(add(w, name, size, io.TeeReader(body, hash)), body.Close()); err != nil {
		return fmt.Errorf("%s: %w", m, err)
	}
	if got := "sha256:" + hex.EncodeToString(hash.Sum(nil)); got != m.Digest {
		return fmt.Errorf("%s has the digest %s, not %s", m, got, m.Digest)
	}
	return nil
}

// Bundle is a packed ensemble that has been read.
type Bundle struct {
	Document
	members map[string][]byte // by digest; parts of the file
}

// Member is the bytes of a member, verified. Do not modify.
func (b Bundle) Member(m Member) []byte { return b.members[m.Digest] }

// Open reads a packed ensemble. Every member is verified against its digest, and
// nothing else may be in the file. The bundle refers to the file's bytes, which must not change.
func Open(file []byte) (Bundle, error) {
	b, err := read(file)
	if err != nil {
		return Bundle{}, fmt.Errorf("read ensemble: %w", err)
	}
	return b, nil
}

func read(file []byte) (Bundle, error) {
	source := bytes.NewReader(file)
	r := tar.NewReader(source)
	out := Bundle{members: map[string][]byte{}}
	for first := true; ; first = false {
		h, err := r.Next()
		switch {
		case first && (err != nil || h.Name != fileDocument):
			return out, errors.New("it is no packed ensemble: a release packs what its document names when it starts, see docs/ensembles.md")
		case errors.Is(err, io.EOF) && source.Len() > 0:
			return out, errors.New("something follows the last file")
		case errors.Is(err, io.EOF):
			err := out.complete()
			return out, err
		case err != nil:
			return out, err
		case h.Typeflag != tar.TypeReg || h.PAXRecords != nil || len(h.Name) > maxName:
			return out, fmt.Errorf("%q is no plain file", clip(h.Name))
		}
		start := int64(len(file)) - int64(source.Len()) // the reader takes no more of it than the header
		if h.Size > int64(source.Len()) {
			return out, fmt.Errorf("%s: %w", clip(h.Name), io.ErrUnexpectedEOF)
		}
		content := file[start : start+h.Size : start+h.Size]
		if first {
			if out.Document, err = parsePacked(content); err != nil {
				return out, err
			}
			continue
		}
		if err := out.take(h.Name, content); err != nil {
			return out, err
		}
	}
}

// parsePacked reads the document of a packed ensemble, in which all members have digests.
func parsePacked(b []byte) (Document, error) {
	var d Document
	if len(b) > 2*MaxDocument { // the digests have come to it
		return d, fmt.Errorf("the document has %d bytes: want at most %d", len(b), 2*MaxDocument)
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("%s: %w", fileDocument, err)
	}
	if d.Format != format {
		return Document{}, fmt.Errorf("%s: format %d is not known here: want %d", fileDocument, d.Format, format)
	}
	if err := d.validate(); err != nil {
		return Document{}, fmt.Errorf("%s: %w", fileDocument, err)
	}
	for _, s := range d.Steps {
		if s.Model.Digest == "" {
			return Document{}, fmt.Errorf("%s: step %s: model.digest is missing", fileDocument, s.Name)
		}
	}
	return d, nil
}

// take verifies the bytes of a member.
func (b *Bundle) take(name string, content []byte) error {
	digest := "sha256:" + strings.TrimPrefix(name, folderMember)
	named := func(s Step) bool { return s.Model.Digest == digest }
	if !strings.HasPrefix(name, folderMember) || !slices.ContainsFunc(b.Steps, named) || b.members[digest] != nil {
		return fmt.Errorf("file %q is nothing that the document names, or is there twice", clip(name))
	}
	sum := sha256.Sum256(content)
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != digest {
		return fmt.Errorf("member %s has the digest %s: it was changed", digest, got)
	}
	b.members[digest] = content
	return nil
}

// complete tells which member is not there.
func (b *Bundle) complete() error {
	for _, s := range b.Steps {
		if b.members[s.Model.Digest] == nil {
			return fmt.Errorf("step %s: member %s (%s) is not in the file", s.Name, s.Model, s.Model.Digest)
		}
	}
	return nil
}
