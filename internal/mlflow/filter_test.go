package mlflow

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func text(s string) literal { return literal{Text: s, Quoted: true} }

func TestParseFilter(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string][]comparison{
		"":                                    nil,
		"  \n":                                nil,
		"metrics.acc > 0.5":                   {{Kind: "metrics", Key: "acc", Op: ">", Value: literal{Text: "0.5", Number: 0.5}}},
		"metrics.acc>=-1.5e+3":                {{Kind: "metrics", Key: "acc", Op: ">=", Value: literal{Text: "-1.5e+3", Number: -1500}}},
		"params.`a b`='x'":                    {{Kind: "params", Key: "a b", Op: "=", Value: text("x")}},
		`params."a.b" != "it's"`:              {{Kind: "params", Key: "a.b", Op: "!=", Value: text("it's")}},
		"tags.mlflow.source.name like '%.py'": {{Kind: "tags", Key: "mlflow.source.name", Op: "LIKE", Value: text("%.py")}},
		"name ILIKE 'A%'":                     {{Key: "name", Op: "ILIKE", Value: text("A%")}},
		"'x' = 'x'":                           nil,
		"tags.a = 'say ''yes'''":              {{Kind: "tags", Key: "a", Op: "=", Value: text("say 'yes'")}},
		"run_id IN ('a', 'b',)":               {{Key: "run_id", Op: "IN", List: []string{"a", "b"}}},
		"attributes.run_id not  in ('a')":     {{Kind: "attributes", Key: "run_id", Op: "NOT IN", List: []string{"a"}}},
		"params.p IS NULL AND tags.t is not null": {{Kind: "params", Key: "p", Op: "IS NULL"}, {Kind: "tags", Key: "t", Op: "IS NOT NULL"}},
		"metrics.a < 1 and Metrics.b <= 2 AND status != 'FAILED'": {
			{Kind: "metrics", Key: "a", Op: "<", Value: literal{Text: "1", Number: 1}},
			{Kind: "metrics", Key: "b", Op: "<=", Value: literal{Text: "2", Number: 2}},
			{Key: "status", Op: "!=", Value: text("FAILED")},
		},
		"tags.android = 'and'":   {{Kind: "tags", Key: "android", Op: "=", Value: text("and")}},
		"params.größe = 'ÄÖ'":    {{Kind: "params", Key: "größe", Op: "=", Value: text("ÄÖ")}},
		"metrics.train/loss = 0": {{Kind: "metrics", Key: "train/loss", Op: "=", Value: literal{Text: "0"}}},
		"\"Run name\" = 'a'":     {{Key: "Run name", Op: "=", Value: text("a")}},
	} {
		got, err := parseFilter(filter)
		if filter == "'x' = 'x'" {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err, filter)
		require.Equal(t, want, got, filter)
	}
}

func TestParseFilterSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		"metrics.acc":               "at character 12: want a comparison operator",
		"metrics.acc > ":            "want a number, or a string in quotes",
		"metrics. > 1":              "want a key after the dot",
		"params.a = 'b":             "the quote is not closed",
		"params.a = 'b' OR c = 'd'": "want AND or the end",
		"params.a = 'b' AND":        "want the name of a column",
		"run_id IN 'a'":             "want a list in parentheses",
		"run_id IN ('a' 'b')":       "want a comma or a closing parenthesis",
		"run_id NOT LIKE 'a'":       "want IN after NOT",
		"params.a IS 'b'":           "want NULL or NOT NULL",
		"; DROP TABLE runs":         "want the name of a column",
		"params.a = 'b'; SELECT 1":  "want AND or the end",
	} {
		_, err := parseFilter(filter)
		require.ErrorContains(t, err, want, filter)
	}
}

func TestParseOrder(t *testing.T) {
	t.Parallel()
	for order, want := range map[string]orderKey{
		"start_time":              {Key: "start_time"},
		"attributes.end_time ASC": {Kind: "attributes", Key: "end_time"},
		"metrics.`my loss` desc":  {Kind: "metrics", Key: "my loss", Desc: true},
		"tag.desc DESC":           {Kind: "tag", Key: "desc", Desc: true},
	} {
		got, err := parseOrder(order)
		require.NoError(t, err, order)
		require.Equal(t, want, got, order)
	}
	for _, order := range []string{"", "a b", "a DESC ASC", "metrics. DESC"} {
		_, err := parseOrder(order)
		require.Error(t, err, order)
	}
}

// Whatever the text: it is read or refused with MLflow's code, and what was read can be written and read again.
func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{"metrics.acc > 0.5 AND params.`a b` = 'x'", "run_id IN ('a','b')", "tags.a IS NOT NULL", "a = \"b\"\"c\"", "metrics.x >= -1e+9", "'", "a.", "é.ü='ß'", "a in(", "\x80 = 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		parsed, err := parseFilter(filter)
		if err != nil {
			require.Equal(t, InvalidParameterValue, asError(err).Code)
			return
		}
		require.LessOrEqual(t, len(parsed), maxConditions)
		for _, c := range parsed {
			require.Contains(t, []string{"=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"}, c.Op)
			if c.Op == "IN" || c.Op == "NOT IN" {
				require.NotEmpty(t, c.List)
			}
		}
		for _, s := range []searchable{runSearch(), experimentSearch(), loggedModelSearch()} {
			if _, err := s.conditions(filter); err != nil {
				require.Equal(t, InvalidParameterValue, asError(err).Code)
			}
		}
		_, _ = parseOrder(filter)
	})
}
