package modeltest

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/page"
	"github.com/slipway-ml/slipway/internal/spec"
)

//go:embed card.md
var cardPage string

// Card writes a model card in Markdown, with the front matter that Hugging Face
// reads. What the tests and the spec know is filled in; what only people know is
// left as questions, each marked "To be answered".
func (r Report) Card(m spec.Model, d spec.Data) ([]byte, error) {
	front, err := r.frontMatter(m, d)
	if err != nil {
		return nil, err
	}
	t, err := template.New("card").Funcs(template.FuncMap{
		"num": page.Number, "cell": markdownCell, "text": text, "share": func(v float64) string { return page.Number(100*v) + " %" },
	}).Parse(cardPage)
	if err != nil {
		return nil, fmt.Errorf("read the model card's template: %w", err)
	}
	var out bytes.Buffer
	out.WriteString("---\n")
	out.Write(front)
	out.WriteString("---\n\n")
	err = t.Execute(&out, struct {
		Report
		Spec    spec.Model
		Data    spec.Data
		Quality []cardMetric
		Speed   []cardMetric
	}{r, m, d, r.cardMetrics(isQuality), r.cardMetrics(func(name string) bool { return !isQuality(name) })})
	if err != nil {
		return nil, fmt.Errorf("write model card: %w", err)
	}
	return out.Bytes(), nil
}

// cardMetric is a row of a table of metrics.
type cardMetric struct {
	Name     string
	Value    float64
	Interval *Interval
}

func (r Report) cardMetrics(want func(string) bool) []cardMetric {
	var out []cardMetric
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		if !want(name) {
			continue
		}
		m := cardMetric{Name: name, Value: r.Metrics[name]}
		if i, ok := r.Intervals[name]; ok {
			m.Interval = &i
		}
		out = append(out, m)
	}
	return out
}

// isQuality tells the metrics of the answers from those of speed and size.
func isQuality(name string) bool {
	for _, prefix := range []string{"latency_", "throughput_", "memory_"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return name != "parameters" && name != "model_bytes"
}

// The front matter, as the model card metadata of the Hugging Face Hub has it.
type (
	cardFront struct {
		LibraryName string      `yaml:"library_name"`
		Tags        []string    `yaml:"tags"`
		Pipeline    string      `yaml:"pipeline_tag"`
		Metrics     []string    `yaml:"metrics,omitempty"`
		Index       []cardIndex `yaml:"model-index"`
	}
	cardIndex struct {
		Name    string       `yaml:"name"`
		Results []cardResult `yaml:"results"`
	}
	cardResult struct {
		Task    cardNamed    `yaml:"task"`
		Dataset cardDataset  `yaml:"dataset"`
		Metrics []cardNumber `yaml:"metrics"`
	}
	cardNamed struct {
		Type string `yaml:"type"`
		Name string `yaml:"name"`
	}
	cardDataset struct {
		Type     string `yaml:"type"`
		Name     string `yaml:"name"`
		Split    string `yaml:"split"`
		Revision string `yaml:"revision,omitempty"`
	}
	cardNumber struct {
		Type     string  `yaml:"type"`
		Name     string  `yaml:"name"`
		Value    float64 `yaml:"value"`
		Verified bool    `yaml:"verified"`
	}
)

func (r Report) frontMatter(m spec.Model, d spec.Data) ([]byte, error) {
	task := cardNamed{Type: "tabular-" + string(m.Task), Name: "Tabular " + string(m.Task)}
	name := d.Name
	if name == "" {
		name = d.Test.Path
	}
	if name == "" {
		name = "test rows"
	}
	result := cardResult{Task: task, Dataset: cardDataset{Type: name, Name: name, Split: "test", Revision: d.Test.Digest}}
	front := cardFront{LibraryName: "onnx", Pipeline: task.Type, Tags: []string{"onnx", "tabular", string(m.Task)}}
	for _, q := range r.cardMetrics(isQuality) {
		front.Metrics = append(front.Metrics, hubMetric(q.Name))
		result.Metrics = append(result.Metrics, cardNumber{Type: hubMetric(q.Name), Name: q.Name, Value: q.Value})
	}
	if len(result.Metrics) > 0 {
		front.Index = []cardIndex{{Name: r.Model, Results: []cardResult{result}}}
	} else {
		front.Index = []cardIndex{}
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(front); err != nil {
		return nil, fmt.Errorf("write the model card's front matter: %w", err)
	}
	return b.Bytes(), nil
}

// hubMetric is what the Hugging Face Hub calls a metric.
func hubMetric(name string) string {
	switch name {
	case "auc":
		return "roc_auc"
	case "pr_auc":
		return "average_precision"
	case "mcc":
		return "matthews_correlation"
	case "brier":
		return "brier_score"
	case "r2":
		return "r_squared"
	}
	return name
}

// markdownCell makes text safe for a cell of a Markdown table, whatever a model or a
// file calls its parts.
func markdownCell(v any) string {
	s := strings.Join(strings.Fields(text(v)), " ")
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "`", "'").Replace(s)
}
