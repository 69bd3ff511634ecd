package dataset

import "slices"

// NeedsReference tells whether some expectation compares with a reference profile.
func (s *Schema) NeedsReference() bool {
	return slices.ContainsFunc(s.Columns, func(r Rule) bool {
		return r.needsReference() || slices.ContainsFunc(r.Checks, func(e Expect) bool { return e.needsReference() })
	})
}

// Hide marks columns as personal that others know to be so. A rule for several
// columns hides all of them where it speaks of one that is named.
func (s *Schema) Hide(columns ...string) {
	for _, name := range columns {
		if r, known := s.rule(name); known {
			r.Personal = true
		}
	}
}
