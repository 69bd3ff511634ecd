package spec

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// MaxSize is the largest spec that is read, in bytes.
const MaxSize = 1 << 20

// Load reads a spec file, fills in the defaults, validates it and checks that
// every file it names exists and is not empty. It reads no more than MaxSize+1
// bytes. What is wrong with the spec comes back as Problems; a spec that can't
// be read as the error of the file system. Paths stay as written: File.At resolves them.
func Load(path string) (Release, error) {
	f, err := os.Open(path)
	if err != nil {
		return Release{}, fmt.Errorf("open release spec: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Release{}, fmt.Errorf("read release spec %s: %w", path, err)
	}
	r, at, err := parse(path, b)
	if err != nil {
		return Release{}, err
	}
	problems := r.missingFiles(path).placed(path, at)
	if len(problems) > 0 {
		return Release{}, problems.sorted()
	}
	return r, nil
}

// Parse reads a spec as Load does, but touches no files. name stands in errors for the file.
func Parse(name string, b []byte) (Release, error) {
	r, _, err := parse(name, b)
	return r, err
}

// DecodeJSON reads the spec of a workflow input: strict JSON in which files are
// objects {path, digest, size}. Defaults are filled in, everything is validated
// but the digests: ResolvedValidate does that.
func DecodeJSON(b []byte) (Release, error) {
	if len(b) > MaxSize {
		return Release{}, tooLarge("")
	}
	n, problem := jsonTree(b)
	if problem != nil {
		return Release{}, Problems{*problem}
	}
	r, _, err := build("", n, true)
	return r, err
}

// YAML writes the spec as Load reads it: paths without digests, no field lost otherwise.
func (r Release) YAML() ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("write release spec of %s as yaml: %w", r.ID(), err)
	}
	return b.Bytes(), nil
}

func parse(name string, b []byte) (Release, map[string]position, error) {
	if len(b) > MaxSize {
		return Release{}, nil, tooLarge(name)
	}
	n, problem := yamlTree(b)
	if problem != nil {
		problem.File = name
		return Release{}, nil, Problems{*problem}
	}
	return build(name, n, false)
}

func tooLarge(name string) error {
	return Problems{{
		File: name, Found: fmt.Sprintf("the text is larger than %d bytes", MaxSize),
		Want: "a release spec; data and models are files of their own that the spec names",
	}}
}

// build decodes onto the defaults, so that an explicit zero is seen as one, and validates.
func build(name string, n *yaml.Node, fileObjects bool) (Release, map[string]position, error) {
	var r Release
	r.SetDefaults()
	r.APIVersion = "" // has a default for Go code; a file must say which format it is
	d := decoder{fileObjects: fileObjects, at: map[string]position{}, missing: map[string]bool{}}
	d.at[""] = position{n.Line, n.Column}
	d.value(n, reflect.ValueOf(&r).Elem(), "", 0, false)
	if n.ShortTag() == "!!null" {
		d.bad(n, "", "there is nothing in it", "a release spec")
	}
	r.setDerived()
	if d.expanded <= maxExpanded { // else the rest was not read
		d.problems = append(d.problems, d.unknown(r.invalid())...)
	}
	if len(d.problems) > 0 {
		return Release{}, nil, d.problems.placed(name, d.at).sorted()
	}
	r.dropEmpty()
	return r, d.at, nil
}

// unknown is what of the problems of the decoded spec the decoder has not told yet.
func (d *decoder) unknown(invalid Problems) Problems {
	var out Problems
	for _, p := range invalid {
		for _, section := range []string{"model", "data"} {
			if d.missing[section] && under(p.Field, section) {
				p = Problem{Field: section, Want: "a mapping of fields"} // instead of each field that it must have
			}
		}
		if d.missing[p.Field] {
			p.Found = "" // a zero that nobody wrote
		}
		if !d.refused(p.Field) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// refused tells whether a problem of this field, what holds it or what it holds is known already.
func (d *decoder) refused(field string) bool {
	for _, p := range d.problems {
		if p.Found != "unknown field" && (under(field, p.Field) || under(p.Field, field)) {
			return true
		}
	}
	return false
}

// dropEmpty makes an empty list or mapping the same as none, as JSON and YAML write it.
func (r *Release) dropEmpty() {
	for _, list := range []*[]string{&r.Data.Sensitive, &r.Data.Exclude} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	for _, list := range []*[]Identity{&r.Approvals.Approvers, &r.Approvals.Operators} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	for _, params := range []*Params{&r.Model.Hyperparameters, &r.Model.Training} {
		if len(*params) == 0 {
			*params = nil
		}
	}
	if len(r.Policies) == 0 {
		r.Policies = nil
	}
	r.Tests.dropEmpty()
	if len(r.Model.ExternalData) == 0 {
		r.Model.ExternalData = nil
	}
	if len(r.Model.Deployment.Resources) == 0 {
		r.Model.Deployment.Resources = nil
	}
	if len(r.Model.Documents) == 0 {
		r.Model.Documents = nil
	}
}

// placed adds the file and, where the field or what holds it was given, the line.
func (p Problems) placed(file string, at map[string]position) Problems {
	for i := range p {
		p[i].File = file
		for field := p[i].Field; p[i].Line == 0; field = parent(field) {
			if place, ok := at[field]; ok {
				p[i].Line, p[i].Column = place.line, place.column
			}
			if field == "" {
				break
			}
		}
	}
	return p
}

// parent is the path of what holds the field.
func parent(field string) string {
	for i := len(field) - 1; i > 0; i-- {
		if field[i] == '.' || field[i] == '[' {
			return field[:i]
		}
	}
	return ""
}

// At is where a file that the spec names lies: relative to the spec's folder.
func (f File) At(specPath string) string {
	if filepath.IsAbs(f.Path) {
		return f.Path
	}
	return filepath.Join(filepath.Dir(specPath), f.Path)
}
