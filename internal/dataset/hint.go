package dataset

// hint says what cells that are not of their type look like, and what to write
// in the schema if that is meant; "" where they look like nothing known. It
// repeats no value. Values of personal columns are masked in the sample, so
// there is no hint on them.
func (c *columnState) hint(sample []Sample) string {
	if c.personal || len(sample) == 0 {
		return ""
	}
	all := func(reads func(string) bool) bool {
		for _, s := range sample {
			if !reads(s.Value) {
				return false
			}
		}
		return true
	}
	notations, err := dateFormats([]string{anyFormat})
	if err != nil {
		return ""
	}
	switch {
	case c.m.kind.Numeric() && all(isNaN):
		if c.m.kind == Number {
			return "; NaN is no value: write nan: 'null' if it stands for one that is missing"
		}
		return "; NaN is no integer: write type: number, or null_values: [NaN] if it stands for a value that is missing"
	case c.m.kind.Numeric() && !c.m.comma && all(func(s string) bool { _, ok := parseCommaNumber(s); return ok }):
		if c.m.kind == Number {
			return "; they read as numbers with decimal commas: write decimal: comma"
		}
		return "; they read as numbers with decimal commas: write type: number and decimal: comma"
	case c.m.kind == Number && c.m.comma && all(func(s string) bool { _, ok := parseNumber(s); return ok }):
		return "; they read as numbers with decimal points: leave decimal out"
	case c.m.kind == Integer && all(func(s string) bool { _, ok := parseNumber(s); return ok }):
		return "; they read as numbers with a fraction: write type: number"
	case c.m.kind.temporal() && all(func(s string) bool { _, ok := parseDate(notations, s); return ok }):
		return "; they read as dates in another notation: list it in formats"
	case all(isNullWord):
		return "; they read as words for null: list them in null_values"
	}
	return ""
}

func isNaN(s string) bool {
	x, ok := notANumber(s)
	return ok && x != x
}

func isNullWord(s string) bool {
	for _, w := range nullWords() {
		if s == w {
			return true
		}
	}
	return false
}
