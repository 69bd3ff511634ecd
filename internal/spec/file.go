package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// EachFile calls do for every file beside the spec with the name of its field,
// in a fixed order: artifact, its external data, documents by kind, train, test, reference, schema.
// The tables of a stored data version are not among them. What do changes is
// kept. It ends at the first error.
func (r *Release) EachFile(do func(field string, f *File) error) error {
	if err := do(ArtifactField, &r.Model.Artifact); err != nil {
		return err
	}
	for i, before := range r.Model.ExternalData {
		f := before
		if err := do(externalField(i), &f); err != nil {
			return err
		}
		if f != before { // a list is shared by copies of the spec, as a map is
			r.Model.ExternalData[i] = f
		}
	}
	for _, kind := range sortedKeys(r.Model.Documents) {
		before := r.Model.Documents[kind]
		f := before
		if err := do(join("model.documents", kind), &f); err != nil {
			return err
		}
		if f != before { // a map is shared by copies of the spec: write only what do changed
			r.Model.Documents[kind] = f
		}
	}
	if r.Data.Version == "" {
		for _, t := range r.Data.Tables() {
			if err := do(t.Field, t.File); err != nil {
				return err
			}
		}
	}
	return do("data.schema", &r.Data.Schema)
}

// ArtifactField is the field of the model's file.
const ArtifactField = "model.artifact"

// externalData is the field of the files that the artifact is merged with.
const externalData = "model.external_data"

func externalField(i int) string { return fmt.Sprintf("%s[%d]", externalData, i) }

// IsExternalData tells whether a field that EachFile tells is of model.external_data:
// the content of these files is stored as part of the artifact, not on its own.
func IsExternalData(field string) bool { return strings.HasPrefix(field, externalData+"[") }

// missingFiles looks at every file that the spec names.
func (r Release) missingFiles(specPath string) Problems {
	var c checker
	seen := map[string]bool{}
	_ = r.EachFile(func(field string, f *File) error { // do returns no error
		if f.Remote() {
			if field != ArtifactField {
				c.bad(field, quote(f.Path)+" is on an MLflow server", "a file; only model.artifact may be taken from there")
			}
			return nil
		}
		path := f.At(specPath)
		if field == "data.reference" && seen[path] {
			return nil // the default: told for data.train
		}
		seen[path] = true
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			c.bad(field, "file "+quote(path)+" does not exist", "a file beside the spec, or a path relative to it")
		case err != nil:
			c.bad(field, "file "+quote(path)+" can't be looked at: "+err.Error(), "a file that can be read")
		case info.IsDir():
			c.bad(field, quote(path)+" is a folder", "a file")
		case !info.Mode().IsRegular():
			c.bad(field, quote(path)+" is not a regular file", "a file")
		case info.Size() == 0:
			c.bad(field, "file "+quote(path)+" is empty", "a file with content")
		}
		return nil
	})
	return c.problems
}

// ResolvedValidate validates a spec as the input of a workflow, which may have
// been written by hand: complete, valid, and every file with the digest and the
// size of its content. Of the tables of a stored data version the path is enough.
func ResolvedValidate(r Release) error {
	c := checker{problems: r.invalid()}
	_ = r.EachFile(func(field string, f *File) error { // do returns no error
		c.resolved(field, *f)
		return nil
	})
	if r.Data.Version != "" {
		for _, t := range r.Data.Tables() {
			if t.File.Digest != "" || t.File.Size != 0 {
				c.resolved(t.Field, *t.File)
			}
		}
	}
	return c.problems.err()
}

func (c *checker) resolved(field string, f File) {
	if !isDigest(f.Digest) {
		c.bad(field+".digest", found(f.Digest), "sha256: and 64 hexadecimal digits of the stored file")
	}
	if f.Size <= 0 {
		c.bad(field+".size", strconv.FormatInt(f.Size, 10)+" is not allowed", "the size of the stored file in bytes, more than 0")
	}
}

// isDigest tells whether s is sha256:<64 lower-case hexadecimal digits>.
func isDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}
