package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// In is the schema as it applies in one of its environments: columns that it does not expect there are
// extra columns, and what is asked elsewhere only, or speaks of such a column, is left out. Personal columns stay so
// everywhere. Empty is the schema with all its parts.
func (s *Schema) In(environment string) (*Schema, error) {
	if environment == "" {
		return s, nil
	}
	if !slices.Contains(s.Environments, environment) {
		known := "it has none"
		if len(s.Environments) > 0 {
			known = "it has " + strings.Join(s.Environments, ", ")
		}
		return nil, fmt.Errorf("%w: there is no environment %q in the schema: %s", ErrSchema, environment, known)
	}
	out := *s
	out.Columns = slices.Clone(s.Columns)
	for i := range out.Columns {
		r := &out.Columns[i]
		if !applies(r.Environments, environment) {
			r.elsewhere, r.Label = true, false
			r.Expect = Expect{Environments: r.Environments, Severity: r.Severity, line: r.Expect.line}
			r.Checks = nil
			continue
		}
		r.Checks = slices.DeleteFunc(slices.Clone(r.Checks), func(e Expect) bool { return !applies(e.Environments, environment) })
	}
	out.Checks = slices.DeleteFunc(slices.Clone(s.Checks), func(c TableCheck) bool {
		return !applies(c.Environments, environment) || slices.ContainsFunc(c.columns(), out.elsewhere)
	})
	return &out, nil
}

// elsewhere tells whether a column belongs to other environments only.
func (s *Schema) elsewhere(column string) bool {
	r, known := s.rule(column)
	return known && r.elsewhere
}

// applies tells whether something is asked in an environment.
func applies(environments []string, environment string) bool {
	return len(environments) == 0 || slices.Contains(environments, environment)
}

// checkEnvironments refuses environments that the schema does not list.
func (s *Schema) checkEnvironments() error {
	for i, name := range s.Environments {
		if name == "" || slices.Contains(s.Environments[:i], name) {
			return fmt.Errorf("environments: %q is empty or stands twice", name)
		}
	}
	check := func(line int, environments []string) error {
		for _, name := range environments {
			if !slices.Contains(s.Environments, name) {
				return fmt.Errorf("line %d: environments: %q is not among those of the schema: %s", line, name, strings.Join(s.Environments, ", "))
			}
		}
		return nil
	}
	for i := range s.Columns {
		r := &s.Columns[i]
		if err := check(r.line, r.Environments); err != nil {
			return err
		}
		for k := range r.Checks {
			if err := check(r.Checks[k].line, r.Checks[k].Environments); err != nil {
				return err
			}
		}
	}
	for i := range s.Checks {
		if err := check(s.Checks[i].line, s.Checks[i].Environments); err != nil {
			return err
		}
	}
	return nil
}
