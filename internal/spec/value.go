package spec

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a time span written as in Go: "500ms", "60s", "72h".
type Duration time.Duration

// D is the duration as the standard type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String is the Go form without the zeros at its end: 72h, not 72h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the Go form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the Go form.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write for example 500ms, 60s or 72h", text)
	}
	*d = Duration(v)
	return nil
}

// File is a file that the spec names. In YAML it is a path relative to the
// spec; once resolved (uploaded) it carries the digest and size that identify its content.
type File struct {
	Path   string `json:"path"`
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// Remote tells whether the path is an address on an MLflow server:
// mlflow://NAME@ALIAS, mlflow://NAME/VERSION or runs:/RUN/PATH. Only a model may
// be taken from there, when its release is started.
func (f File) Remote() bool {
	return strings.HasPrefix(f.Path, "mlflow://") || strings.HasPrefix(f.Path, "runs:/")
}

// IsZero tells that the spec names no file here.
func (f File) IsZero() bool { return f.Path == "" && f.Digest == "" }

// UnmarshalYAML reads a path.
func (f *File) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return fmt.Errorf("line %d: want the path of a file", n.Line)
	}
	*f = File{Path: n.Value}
	return nil
}

// MarshalYAML writes the path.
func (f File) MarshalYAML() (any, error) { return f.Path, nil }

// UnmarshalJSON accepts the object form only: a workflow input names content, not places.
func (f *File) UnmarshalJSON(b []byte) error {
	type plain File
	var p plain
	if err := json.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("a file must be an object with path, digest and size: %w", err)
	}
	*f = File(p)
	return nil
}
