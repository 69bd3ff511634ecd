package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestPersonalValuesInNoOutput breaks every expectation of the catalogue on
// personal columns and looks for their values in all that the command writes:
// table, JSON, JUnit, page, and what goes to standard error.
func TestPersonalValuesInNoOutput(t *testing.T) {
	l := newLibrary(t)
	b, err := os.ReadFile("../internal/dataset/testdata/catalogue.yaml")
	require.NoError(t, err)
	var cases []struct {
		Key                             string
		Schema, Reference, Broken, Fine string
		Other                           string // the table that foreign keys are found in
		Repeat                          int
	}
	require.NoError(t, yaml.Unmarshal(b, &cases))
	require.Greater(t, len(cases), 50)
	key := filepath.Join(l.write("key", map[string]string{"key": strings.Repeat("k", 32)}), "key")
	for i, c := range cases {
		if strings.Contains(c.Broken, ";") {
			c.Schema = strings.Replace(c.Schema, "}]", "}, {name: b, type: string, nullable: true}]", 1)
		}
		header, rows, _ := strings.Cut(c.Broken, "\n")
		c.Schema = strings.Replace(c.Schema, "data: customers", "data: customers.csv", 1)
		dir := l.write(fmt.Sprint("case", i), map[string]string{
			"s.yaml": c.Schema, "t.csv": header + "\n" + strings.Repeat(rows, max(1, c.Repeat)), "ref.csv": c.Reference, "customers.csv": c.Other,
		})
		args := []string{"validate", filepath.Join(dir, "t.csv"), "--schema", filepath.Join(dir, "s.yaml"), "--page", filepath.Join(dir, "r.html"), "--junit", filepath.Join(dir, "r.xml")}
		if c.Reference != "" {
			args = append(args, "--reference", filepath.Join(dir, "ref.csv"))
		}
		for _, more := range [][]string{nil, {"-o", "json"}, {"--mask-key", key}, {"--together"}} {
			out, errs, code := l.run(append(args, more...)...)
			require.Equal(t, codeStopped, code, "%s\n%s%s", c.Key, out, errs)
			texts := []string{out, errs}
			for _, file := range []string{"r.html", "r.xml"} {
				b, err := os.ReadFile(filepath.Join(dir, file))
				require.NoError(t, err)
				texts = append(texts, string(b))
			}
			for _, text := range texts {
				for _, secret := range []string{"secret", "Secret", "sec-ret", "867530", "86753,0.9", "1987-06", "06.1987"} {
					require.NotContains(t, text, secret, c.Key)
				}
			}
		}
	}
}
