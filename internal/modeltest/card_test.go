package modeltest_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/spec"
)

func TestCard(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Spec.Description, in.Spec.Hyperparameters = "A small | network\nfor <tests>", spec.Params{"units": int64(3)}
	in.Data.Name, in.Data.Sensitive = "toy-rows", []string{"a"}
	r := run(t, in)
	card, err := r.Card(in.Spec, in.Data)
	require.NoError(t, err)

	front, body, found := bytes.Cut(bytes.TrimPrefix(card, []byte("---\n")), []byte("\n---\n"))
	require.True(t, found)
	var meta struct {
		Library string   `yaml:"library_name"`
		Task    string   `yaml:"pipeline_tag"`
		Tags    []string `yaml:"tags"`
		Index   []struct {
			Name    string
			Results []struct {
				Task    struct{ Type string }
				Dataset struct{ Name, Type string }
				Metrics []struct {
					Type  string
					Value float64
				}
			}
		} `yaml:"model-index"`
	}
	require.NoError(t, yaml.Unmarshal(front, &meta))
	require.Equal(t, "onnx", meta.Library)
	require.Equal(t, "tabular-classification", meta.Task)
	require.Equal(t, "toy", meta.Index[0].Name)
	require.Equal(t, "toy-rows", meta.Index[0].Results[0].Dataset.Name)
	require.Equal(t, "accuracy", meta.Index[0].Results[0].Metrics[0].Type)
	require.InDelta(t, 0.9, meta.Index[0].Results[0].Metrics[0].Value, 1e-12)
	require.Equal(t, "roc_auc", meta.Index[0].Results[0].Metrics[1].Type, "as the Hub calls it")

	text := string(body)
	for _, want := range []string{
		"# Model card: toy 1", `A small \| network for &lt;tests&gt;`, "| Hyperparameter units | 3 |", "| accuracy | 0.9 | 0.85", "wilson",
		"Columns with personal data: a.", "| C1 parameter_count | passed | 23 |", "## Intended use", "## Risks and limits",
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 10, strings.Count(text, "- **To be answered:**"))
	require.NotContains(t, text, "<no value>")
}

// A report without answers makes a card and an XML file all the same.
func TestCardOfABrokenModel(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Model = []byte("no model")
	r := run(t, in)
	card, err := r.Card(in.Spec, in.Data)
	require.NoError(t, err)
	require.Contains(t, string(card), "**not passed**")
	require.Contains(t, string(card), "model-index: []")
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	b, err := run(t, input(t, "worse")).JUnit()
	require.NoError(t, err)
	var got struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(b, &got))
	require.Len(t, got.Suites, 4)
	require.Equal(t, "C4", got.Suites[3].Name)
	require.Equal(t, "accuracy", got.Suites[3].Cases[0].Name)
	require.Contains(t, got.Suites[3].Cases[0].Failure.Message, "below the limit")
	require.Positive(t, got.Skipped)
}
