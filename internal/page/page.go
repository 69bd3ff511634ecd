package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strings"
)

//go:embed frame.html
var frame string

// Parse reads a page: body is the template of what stands in the frame, and
// must not define "frame". The frame gets the data that Render is given; title is the window's.
func Parse(title, body string, funcs template.FuncMap) (*template.Template, error) {
	t := template.New("page").Funcs(template.FuncMap{
		"num":     Number,
		"percent": func(v float64) string { return Number(100*v) + " %" },
		"title":   func() string { return title },
	}).Funcs(funcs)
	if _, err := t.New("frame").Parse(frame); err != nil {
		return nil, fmt.Errorf("read the page's frame: %w", err)
	}
	if _, err := t.New("body").Parse(body); err != nil {
		return nil, fmt.Errorf("read page %q: %w", title, err)
	}
	return t, nil
}

// Render draws the page of a report.
func Render(t *template.Template, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "frame", data); err != nil {
		return nil, fmt.Errorf("draw page: %w", err)
	}
	return out.Bytes(), nil
}

// Number writes a number as people read it: three decimals at most, powers of ten where those would hide it.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case a != 0 && (a < 0.001 || a >= 1e9):
		return fmt.Sprintf("%.2e", v)
	case v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
}
