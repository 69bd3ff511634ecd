package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds how deep values may nest.
const maxDepth = 64

// yamlTree reads exactly one YAML document.
func yamlTree(b []byte) (*yaml.Node, *Problem) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, next yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, &Problem{Line: 1, Found: "the file is empty", Want: "a release spec"}
	} else if err != nil {
		return nil, syntaxProblem(err)
	}
	if err := dec.Decode(&next); err == nil {
		return nil, &Problem{Line: next.Line, Column: next.Column, Found: "a second document starts here", Want: "one release in a file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(err)
	}
	return doc.Content[0], nil
}

// syntaxProblem takes the line out of the YAML reader's message.
func syntaxProblem(err error) *Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := &Problem{Found: text, Want: "valid YAML"}
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Found = m[2]
		if countsFromZero(p.Found) {
			p.Line++
		}
	}
	if strings.Contains(text, "cannot start any token") {
		p.Want = "valid YAML: indent with spaces, not tabs, and quote values that start with @, ` or %"
	}
	return p
}

// countsFromZero tells the messages in which the YAML reader counts the first line as 0: those of its
// parser, unlike those of its scanner.
func countsFromZero(message string) bool {
	rest, ok := strings.CutPrefix(message, "did not find expected ")
	return ok && slices.ContainsFunc([]string{"','", "'-' indicator", "key", "node content", "<"}, func(what string) bool {
		return strings.HasPrefix(rest, what)
	})
}

// jsonTree reads one JSON value into the same form as YAML, so that one strict
// decoder serves both. Unlike encoding/json it keeps duplicate keys and places.
func jsonTree(b []byte) (*yaml.Node, *Problem) {
	r := &jsonReader{text: b, dec: json.NewDecoder(bytes.NewReader(b)), line: 1}
	r.dec.UseNumber()
	if !utf8.Valid(b) {
		return nil, &Problem{Found: "the text is not UTF-8", Want: "valid JSON"}
	}
	n, err := r.value(0)
	if err == nil {
		if _, err = r.dec.Token(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err == nil {
			err = errors.New("something follows the end of the value")
		}
	}
	r.advance(int(r.dec.InputOffset()))
	text := strings.TrimPrefix(err.Error(), "json: ")
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		text = "the text ends too early"
	}
	return nil, &Problem{Line: r.line, Column: r.column(), Found: text, Want: "valid JSON"}
}

type jsonReader struct {
	text []byte
	dec  *json.Decoder
	// line is where pos lies; lineStart is the offset of its first byte.
	line, lineStart, pos int
}

func (r *jsonReader) column() int { return r.pos - r.lineStart + 1 }

// advance moves to offset, counting lines.
func (r *jsonReader) advance(offset int) {
	for ; r.pos < offset && r.pos < len(r.text); r.pos++ {
		if r.text[r.pos] == '\n' {
			r.line, r.lineStart = r.line+1, r.pos+1
		}
	}
}

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values nest deeper than %d levels", maxDepth)
	}
	r.advance(int(r.dec.InputOffset()))
	for r.pos < len(r.text) && strings.IndexByte(" \t\r\n:,", r.text[r.pos]) >= 0 {
		r.advance(r.pos + 1)
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.line, Column: r.column()}
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		n.Tag = "!!null"
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(t)
	case string:
		n.Tag, n.Value, n.Style = "!!str", t, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!int", t.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case json.Delim:
		return n, r.children(n, t, depth)
	}
	return n, nil
}

func (r *jsonReader) children(n *yaml.Node, open json.Delim, depth int) error {
	n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for r.dec.More() {
		child, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child) // keys and values alternate, as in YAML
	}
	_, err := r.dec.Token()
	return err
}
