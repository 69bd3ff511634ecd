package oip

import "encoding/json"

// parameters are named values: strings, bools, int64, float64. Others are ignored.
type parameters map[string]any

// parameters reads an object of them; null is an empty one.
func (w *walker) parameters() (parameters, error) {
	p := parameters{}
	if w.peek() != '{' {
		v, err := w.value()
		if err == nil {
			err = json.Unmarshal(v, &map[string]any{})
		}
		return p, err
	}
	w.take('{')
	if w.take('}') {
		return p, nil
	}
	for {
		w.peek()
		s, ok := w.text()
		if !ok || !w.take(':') {
			return p, errSyntax
		}
		v, err := w.parameter()
		if err != nil {
			return p, err
		}
		if name := s.meaning(w.body); v != nil {
			p[name] = v
		} else {
			delete(p, name) // what was said before does not count
		}
		if w.take('}') {
			return p, nil
		}
		if !w.take(',') {
			return p, errSyntax
		}
	}
}

// parameter reads a value; nil is one that is ignored.
func (w *walker) parameter() (any, error) {
	switch c := w.peek(); {
	case c == '"':
		s, ok := w.text()
		if !ok {
			return nil, errSyntax
		}
		return s.meaning(w.body), nil
	case c == '-' || c-'0' <= 9:
		var n decimal
		if !w.number(&n) {
			return nil, errSyntax
		}
		if v, ok := n.int64(); ok {
			return v, nil
		}
		if v, ok := n.float64(); ok {
			return v, nil
		}
		return nil, nil
	}
	v, err := w.value()
	switch string(v) {
	case "true":
		return true, err
	case "false":
		return false, err
	}
	return nil, err
}

// UnmarshalJSON reads an object of them.
func (p *parameters) UnmarshalJSON(b []byte) (err error) {
	w := walker{body: b}
	*p, err = w.parameters()
	return w.explain(err)
}
