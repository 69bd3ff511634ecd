package dataset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// expectationCase is an entry of testdata/catalogue.yaml.
type expectationCase struct {
	Key                             string
	Schema, Reference, Broken, Fine string
	Other                           string // table that foreign keys point to
	Repeat                          int
}

func catalogue(t testing.TB) []expectationCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "catalogue.yaml"))
	require.NoError(t, err)
	var cases []expectationCase
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	require.NoError(t, dec.Decode(&cases))
	for i := range cases {
		c := &cases[i]
		for _, text := range []*string{&c.Reference, &c.Broken, &c.Fine} {
			header, rows, _ := strings.Cut(*text, "\n")
			if c.Repeat > 0 && *text != "" {
				*text = header + "\n" + strings.Repeat(rows, c.Repeat)
			}
		}
	}
	return cases
}

// schema of the case; without personal columns the values show.
func (c expectationCase) parse(t testing.TB, personal bool) *dataset.Schema {
	t.Helper()
	text := c.Schema
	if !personal {
		text = strings.ReplaceAll(text, ", personal: true", "")
	}
	if strings.Contains(c.Broken, ";") {
		text = strings.Replace(text, "}]", "}, {name: b, type: string, nullable: true}]", 1)
	}
	return schema(t, text)
}

func (c expectationCase) reference(t testing.TB) *dataset.Profile {
	t.Helper()
	if c.Reference == "" {
		return nil
	}
	p, err := dataset.ProfileOf(context.Background(), open(t, c.Reference, "ref.csv", dataset.SourceOptions{}), dataset.ProfileOptions{})
	require.NoError(t, err)
	b, err := p.JSON()
	require.NoError(t, err)
	p, err = dataset.ParseProfile("ref.json", b)
	require.NoError(t, err)
	return p
}

// options of a check of the case.
func (c expectationCase) options(t testing.TB) dataset.CheckOptions {
	t.Helper()
	return dataset.CheckOptions{Now: now, Reference: c.reference(t), Tables: func(_ context.Context, data, _ string) (dataset.OtherTable, error) {
		return dataset.OtherTable{Source: open(t, c.Other, "other.csv", dataset.SourceOptions{}), Label: data + "@1, other.csv"}, nil
	}}
}

// TestCatalogue holds that every expectation finds what breaks it, and only that.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	for i, c := range catalogue(t) {
		t.Run(fmt.Sprint(i, " ", c.Key), func(t *testing.T) {
			t.Parallel()
			opts := c.options(t)
			report := check(t, c.Broken, c.parse(t, true), opts)
			require.NotEmpty(t, report.Failures)
			for _, f := range report.Failures {
				require.Equal(t, c.Key, f.Check, f.String())
			}
			failed := 0
			for _, o := range report.Checks {
				require.NotEmpty(t, o.Check, o.Expectation)
				if !o.Passed {
					failed++
				}
			}
			require.Equal(t, len(report.Failures), failed)
			if c.Fine != "" {
				report = check(t, c.Fine, c.parse(t, true), opts)
				require.Empty(t, report.Failures)
			}
		})
	}
}

// TestCatalogueIsWhole holds that no field of the schema is without a case.
func TestCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, c := range catalogue(t) {
		have[c.Key] = true
	}
	for _, of := range []reflect.Type{reflect.TypeFor[dataset.Expect](), reflect.TypeFor[dataset.TableCheck]()} {
		for i := range of.NumField() {
			f := of.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			switch name {
			case "", "mostly", "reason", "severity", "environments":
				continue
			}
			require.True(t, have[name], "no case for %s in testdata/catalogue.yaml", name)
		}
	}
	for _, name := range []string{"nullable", "type", "nan", "stored", "missing_column", "extra_column", "order", "rows", "column_count"} {
		require.True(t, have[name], name)
	}
}

// secrets are what the personal columns of the catalogue's broken tables hold.
func secrets() []string {
	return []string{"secret", "Secret", "sec-ret", "867530", "86753,0.9", "1987-06", "06.1987"}
}

// TestSecretsStayInTheCatalogue looks for personal values in every output of every expectation.
func TestSecretsStayInTheCatalogue(t *testing.T) {
	t.Parallel()
	for i, c := range catalogue(t) {
		s := c.parse(t, true)
		masker, err := dataset.NewMasker(bytes.Repeat([]byte("k"), 32), s)
		require.NoError(t, err)
		for _, mask := range []*dataset.Masker{nil, masker} {
			opts := c.options(t)
			opts.Mask = mask
			report := check(t, c.Broken, s, opts)
			asJSON, err := json.Marshal(report)
			require.NoError(t, err)
			html, err := report.HTML()
			require.NoError(t, err)
			junit, err := report.JUnit()
			require.NoError(t, err)
			texts := []string{string(asJSON), string(html), string(junit), report.Summary(), dataset.Reports{report}.Summary()}
			for _, f := range report.Failures {
				texts = append(texts, f.String())
			}
			for _, text := range texts {
				for _, secret := range secrets() {
					require.NotContains(t, text, secret, "case %d: %s", i, c.Key)
				}
			}
		}
		profile, err := dataset.ProfileOf(context.Background(), open(t, c.Broken, "t.csv", dataset.SourceOptions{}), dataset.ProfileOptions{Schema: s})
		require.NoError(t, err)
		asJSON, err := profile.JSON()
		require.NoError(t, err)
		html, err := profile.HTML()
		require.NoError(t, err)
		for _, secret := range secrets() {
			require.NotContains(t, string(asJSON), secret, "case %d: %s", i, c.Key)
			require.NotContains(t, string(html), secret, "case %d: %s", i, c.Key)
		}
	}
}
