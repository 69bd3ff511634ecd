package ensemble

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// packed is an ensemble in which the bytes of a member are its name.
func packed(t testing.TB, d Document) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Pack(&out, d, named))
	return out.Bytes()
}

func named(m Member) (io.ReadCloser, int64, error) {
	return io.NopCloser(strings.NewReader(m.String())), int64(len(m.String())), nil
}

func document(t testing.TB) Document {
	t.Helper()
	d, err := Parse([]byte(pipeline))
	require.NoError(t, err)
	for i := range d.Steps {
		d.Steps[i].Model.Digest = digestOf(d.Steps[i].Model.String())
	}
	return d
}

func TestPackAndOpen(t *testing.T) {
	t.Parallel()
	d := document(t)
	file := packed(t, d)
	require.Equal(t, file, packed(t, d), "equal ensembles are equal files")
	require.Equal(t, spec.RuntimeEnsemble, spec.Model{}.RuntimeOf(file))
	require.Equal(t, "other", spec.Model{Runtime: "other"}.RuntimeOf(file))
	b, err := Open(file)
	require.NoError(t, err)
	require.Equal(t, "scale.onnx", string(b.Member(b.Steps[0].Model)))
	require.Equal(t, "mnist/1.0", string(b.Member(b.Steps[1].Model)))

	twice := d
	twice.Steps = slices.Clone(d.Steps)
	twice.Steps[1].Model = twice.Steps[0].Model
	require.Less(t, len(packed(t, twice)), len(file), "a member that is used twice is there once")
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	d := document(t)
	d.Steps[1].Model.Digest = digestOf("another")
	require.ErrorContains(t, Pack(io.Discard, d, named), "mnist/1.0 has the digest "+digestOf("mnist/1.0")+", not ")
	d.Steps[1].Model.Digest = ""
	require.ErrorContains(t, Pack(io.Discard, d, named), "step digits: the digest of mnist/1.0 is not known")
	short := func(m Member) (io.ReadCloser, int64, error) {
		body, size, err := named(m)
		return body, size + 1, err
	}
	require.Error(t, Pack(io.Discard, document(t), short))
}

// entry is a file of an archive.
type entry struct {
	name, content string
	kind          byte
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Typeflag: e.kind}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write([]byte(e.content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	d := document(t)
	d.Format = format
	text, err := json.Marshal(d)
	require.NoError(t, err)
	head := entry{name: fileDocument, content: string(text)}
	member := func(content string) entry {
		return entry{name: folderMember + strings.TrimPrefix(digestOf(content), "sha256:"), content: content}
	}
	scale, digits := member("scale.onnx"), member("mnist/1.0")
	changed := digits
	changed.content = "mnist/1.1"
	loose := document(t)
	loose.Format, loose.Steps[0].Model.Digest = format, ""
	unpinned, err := json.Marshal(loose)
	require.NoError(t, err)
	whole := archive(t, head, scale, digits)
	_, err = Open(whole)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":            {nil, "it is no packed ensemble"},
		"a document":         {[]byte(pipeline), "it is no packed ensemble"},
		"another archive":    {archive(t, scale), "it is no packed ensemble"},
		"no document":        {archive(t, entry{name: fileDocument, content: "x"}), "ensemble.json: invalid"},
		"not packed":         {archive(t, entry{name: fileDocument, content: `{"kind":"ensemble"}`}), "format 0 is not known"},
		"no digest":          {archive(t, entry{name: fileDocument, content: string(unpinned)}, scale, digits), "model.digest is missing"},
		"a member missing":   {archive(t, head, scale), "step digits: member mnist/1.0"},
		"a member changed":   {archive(t, head, scale, changed), "it was changed"},
		"a member twice":     {archive(t, head, scale, scale, digits), "is there twice"},
		"something else":     {archive(t, head, scale, digits, member("x")), "nothing that the document names"},
		"a name elsewhere":   {archive(t, head, entry{name: "../x", content: "y"}), "nothing that the document names"},
		"a link":             {archive(t, head, entry{name: digits.name, kind: tar.TypeSymlink}), "is no plain file"},
		"cut off":            {whole[:len(whole)-1600], "EOF"},
		"something behind":   {append(slices.Clone(whole), make([]byte, 512)...), "something follows"},
		"a document too big": {archive(t, entry{name: fileDocument, content: strings.Repeat(" ", 2*MaxDocument+1)}), "want at most"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(c.file)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "read ensemble: ")
		})
	}
}

// What is read as an ensemble is whole: every step has a member of its digest.
func FuzzOpen(f *testing.F) {
	d, err := Parse([]byte(pipeline))
	require.NoError(f, err)
	for i := range d.Steps {
		d.Steps[i].Model.Digest = digestOf(d.Steps[i].Model.String())
	}
	f.Add(packed(f, d))
	f.Add([]byte(fileDocument + "\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		bundle, err := Open(b)
		if err != nil {
			return
		}
		for _, s := range bundle.Steps {
			require.Equal(t, s.Model.Digest, digestOf(string(bundle.Member(s.Model))))
		}
	})
}
