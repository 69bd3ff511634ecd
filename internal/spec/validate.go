package spec

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Validate checks a complete spec (SetDefaults was called) and answers with
// Problems, which know fields but no lines. It looks at no files and asks for no digests.
func (r Release) Validate() error { return r.invalid().err() }

func (r Release) invalid() Problems {
	var c checker
	c.oneOf("apiVersion", r.APIVersion, APIVersion)
	c.model(r.Model)
	c.data(r.Data, r.Model.Name)
	c.tests(r.Tests, r.Model.Task)
	c.policies(r.Policies, r.Model.Task)
	c.approvals(r.Approvals)
	c.canary(r.Canary)
	c.monitor(r.Monitor)
	return c.problems
}

func (c *checker) model(m Model) {
	c.name("model.name", m.Name)
	c.name("model.version", m.Version)
	c.file("model.artifact", m.Artifact)
	if m.Runtime != "" {
		c.name("model.runtime", m.Runtime)
	}
	if foreign := m.Runtime != "" && m.Runtime != RuntimeONNX; foreign && len(m.OperatorDomains) > 0 {
		c.bad("model.operator_domains", "given for the runtime "+quote(m.Runtime), "nothing; only ONNX models have operators that are looked at")
	} else if foreign && len(m.ExternalData) > 0 {
		c.bad("model.external_data", "given for the runtime "+quote(m.Runtime), "nothing; only ONNX models keep weights in other files")
	}
	c.externalData(m)
	c.oneOf("model.task", string(m.Task), string(Classification), string(Regression))
	for _, named := range []struct {
		field  string
		params Params
	}{{"model.hyperparameters", m.Hyperparameters}, {"model.training", m.Training}} {
		// A spec from Go code may hold what JSON can't carry into a workflow.
		for _, key := range sortedKeys(named.params) {
			if problem := checkValue(named.params[key], join(named.field, key)); problem != nil {
				c.problems = append(c.problems, *problem)
			}
		}
	}
	for _, kind := range sortedKeys(m.Documents) {
		if !isName(kind) {
			c.bad(join("model.documents", kind), "this kind is not allowed", "a name such as model_card")
			continue
		}
		c.file(join("model.documents", kind), m.Documents[kind])
	}
	for i, domain := range m.OperatorDomains {
		c.text(fmt.Sprintf("model.operator_domains[%d]", i), domain, 200)
	}
	d := m.Deployment
	c.oneOf("model.deployment.kind", d.Kind, "online", "batch", "streaming")
	c.whole("model.deployment.batch_size", int64(d.BatchSize), closed(1, 4096))
	c.whole("model.deployment.instances", int64(d.Instances), closed(0, 256))
	c.whole("model.deployment.response_cache_mb", int64(d.ResponseCacheMB), closed(0, 100000))
	c.resources("model.deployment.resources", d.Resources)
	c.whole("model.deployment.priority", int64(d.Priority), closed(1, MaxPriority))
	c.number("model.deployment.max_latency_ms", d.MaxLatencyMS, above(0))
	c.number("model.deployment.max_throughput", d.MaxThroughput, above(0))
	if d.AutoScaling == nil {
		c.bad("model.deployment.auto_scaling", "", "true or false")
	}
	c.duration("model.deployment.health_check_interval", d.HealthCheckInterval)
}

// maxExternalData bounds the files that a model keeps weights in; some exporters write one for each tensor.
const maxExternalData = 1000

func (c *checker) externalData(m Model) {
	if len(m.ExternalData) > maxExternalData {
		c.bad("model.external_data", fmt.Sprintf("%d files are not allowed", len(m.ExternalData)), fmt.Sprintf("up to %d files", maxExternalData))
		return
	}
	if m.Artifact.Remote() && len(m.ExternalData) > 0 {
		c.bad("model.external_data", "it is not allowed beside an artifact on an MLflow server", "no list: what the model was logged with comes along")
		return
	}
	for i, f := range m.ExternalData {
		c.file(externalField(i), f)
	}
}

func (c *checker) file(field string, f File) {
	switch {
	case f.IsZero():
		c.bad(field, "", "the path of a file")
	case len(f.Path) > 4096 || strings.IndexFunc(f.Path, unicode.IsControl) >= 0:
		c.bad(field, found(f.Path), "a path of up to 4096 bytes without control characters")
	}
}

func (c *checker) data(d Data, model string) {
	switch {
	case d.Version == "" && d.Name != model: // else it is the default, told for the model
		c.name("data.name", d.Name)
	case d.Version != "" && d.Name != "":
		c.bad("data.name", quote(d.Name)+" is not allowed beside data.version", "no name: the stored version has one")
	case d.Version != "":
		c.reference("data.version", d.Version)
	}
	table := c.file
	if d.Version != "" {
		table = c.inside
	}
	table("data.train", d.Train)
	table("data.test", d.Test)
	if !d.Train.IsZero() && d.Reference != d.Train { // else what is wrong with it is told for train
		table("data.reference", d.Reference)
	}
	c.file("data.schema", d.Schema)
	if d.Label == "" {
		c.bad("data.label", "", "the name of the column that holds the truth")
	}
	c.columns("data.sensitive", d.Sensitive, d.Label)
	c.columns("data.exclude", d.Exclude, d.Label)
}

// reference checks the name of a stored data version; what it stands for the catalog knows.
func (c *checker) reference(field, s string) {
	name, number, numbered := strings.Cut(s, "@")
	ok := len(s) <= 255 && strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) < 0
	if numbered {
		n, err := strconv.ParseInt(number, 10, 64)
		ok = ok && name != "" && err == nil && n > 0
	}
	if !ok {
		c.bad(field, found(s), "NAME@N with a whole number from 1, NAME for its latest version, a tag, or a digest such as sha256:…")
	}
}

// inside checks the path of a file in a stored data version.
func (c *checker) inside(field string, f File) {
	switch {
	case f.IsZero():
		c.bad(field, "", "the path of a file in the data version")
	case !fs.ValidPath(f.Path) || f.Path == ".":
		c.bad(field, found(f.Path), "the path of a file in the data version, with slashes and without \"..\", as slipway data show lists them")
	default:
		c.file(field, f)
	}
}

func (c *checker) columns(field string, names []string, label string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case name == "":
			c.bad(at, "", "the name of a column")
		case name == label:
			c.bad(at, quote(name)+" is the label", "columns other than data.label")
		case slices.Contains(names[:i], name):
			c.bad(at, quote(name)+" is listed twice", "each column once")
		}
	}
}

func (c *checker) tests(t Tests, task Task) {
	c.number("tests.latency_ms", t.LatencyMS, above(0))
	c.number("tests.memory_mb", t.MemoryMB, above(0))
	c.number("tests.tolerance", t.Tolerance, above(0))
	c.number("tests.min_accuracy", t.MinAccuracy, closed(0, 1))
	c.number("tests.max_rmse", t.MaxRMSE, atLeast(0))
	c.gradient("tests.gradient", t.Gradient)
	c.process("tests.process", t.Process)
	c.oneOf("tests.skipped", string(t.Skipped), string(SkippedPasses), string(SkippedFails))
	if task == Regression && t.MinAccuracy != 0 {
		c.bad("tests.min_accuracy", "accuracy of a regression is not measured", "tests.max_rmse instead")
	}
	if task == Classification && t.MaxRMSE != 0 {
		c.bad("tests.max_rmse", "the error of a classification is not measured", "tests.min_accuracy instead")
	}
	c.optional("tests.against_production.max_accuracy_drop", t.AgainstProduction.MaxAccuracyDrop, closed(0, 1))
	c.number("tests.against_production.alpha", t.AgainstProduction.Alpha, aboveUpTo(0, 0.5))
	c.quality(t, task)
}

// maxSteps bounds the history of a canary.
const maxSteps = 100

func (c *checker) canary(k Canary) {
	if len(k.Steps) == 0 || len(k.Steps) > maxSteps {
		c.bad("canary.steps", fmt.Sprintf("%d steps are not allowed", len(k.Steps)), fmt.Sprintf("1 to %d steps", maxSteps))
	}
	for i, s := range k.Steps[:min(len(k.Steps), maxSteps)] {
		field := fmt.Sprintf("canary.steps[%d]", i)
		before := math.Inf(-1)
		if i > 0 {
			before = k.Steps[i-1].Weight
		}
		switch tenths := s.Weight * 10; {
		case !aboveUpTo(0, 100).holds(s.Weight):
			c.number(field+".weight", s.Weight, aboveUpTo(0, 100))
		case math.Abs(tenths-math.Round(tenths)) > 1e-9:
			c.bad(field+".weight", number(s.Weight)+" is not allowed", "a multiple of 0.1")
		case s.Weight <= before:
			c.bad(field+".weight", number(s.Weight)+" is not allowed", "more than the step before, "+number(before))
		case i == len(k.Steps)-1 && s.Weight != 100:
			c.bad(field+".weight", number(s.Weight)+" is not allowed in the last step", "100")
		}
		c.duration(field+".duration", s.Duration)
	}
	c.duration("canary.warm_up", k.WarmUp)
	a := k.Analysis
	c.duration("canary.analysis.interval", a.Interval)
	c.whole("canary.analysis.min_samples", a.MinSamples, atLeast(1))
	c.duration("canary.analysis.hold_deadline", a.HoldDeadline)
	c.number("canary.analysis.alpha", a.Alpha, aboveUpTo(0, 0.5))
	c.number("canary.analysis.max_error_rate", a.MaxErrorRate, aboveUpTo(0, 1))
	c.number("canary.analysis.max_latency_ratio", a.MaxLatencyRatio, atLeast(1))
	c.number("canary.analysis.latency_quantile", a.LatencyQuantile, open(0, 1))
	c.number("canary.analysis.latency_floor_ms", a.LatencyFloorMS, above(0))
}

func (c *checker) monitor(m Monitor) {
	c.duration("monitor.interval", m.Interval)
	c.whole("monitor.min_samples", int64(m.MinSamples), atLeast(1))
	c.whole("monitor.window", int64(m.Window), closed(1, 1_000_000))
	if m.MinSamples >= 1 && m.Window >= 1 && m.Window < m.MinSamples {
		c.bad("monitor.window", fmt.Sprintf("%d is not allowed", m.Window),
			fmt.Sprintf("no less than monitor.min_samples, %d", m.MinSamples))
	}
	c.number("monitor.ks_alpha", m.KSAlpha, aboveUpTo(0, 0.5))
	c.number("monitor.psi_limit", m.PSILimit, above(0))
	c.whole("monitor.psi_bins", int64(m.PSIBins), closed(2, 100))
}
