package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// ModelTestOptions are the flags of model test.
type ModelTestOptions struct {
	Spec       string
	Data       string
	Path       []string
	Train      string
	Schema     string
	Label      string
	Exclude    []string
	Task       string
	Production string
	External   []string
	Device     string
	Runtimes   string
	HTML       string
	JUnit      string
	Card       string
}

func modelTestCommand(a *app) *cobra.Command {
	var o ModelTestOptions
	data := &DataOptions{}
	cmd := &cobra.Command{
		Use:   "test MODEL --data DATA",
		Short: "Test a model on data, with no server",
		Long: `Runs the tests of a release's second gate on a model: structure, gradients,
consistency, latency, memory, quality, slices, and against another model. The
model runs in a child process with limits, without network and files where the
kernel allows that. DATA (CSV, Parquet, NPY, NPZ, JSON lines) is a local file or
folder if there is one of that name, otherwise a data version.

With --spec the limits, the label and the columns are those of a release spec, and
--data, --train and --schema may be left out. The exit code is 3 when a test fails.`,
		Example: `  slipway model test model.onnx --data test.csv --label risk
  slipway model test model.onnx --spec release.yaml --html report.html --card model_card.md
  slipway model test model.onnx --data test.parquet --label price --task regression --production old.onnx
  slipway model test model.onnx --spec release.yaml -o json --junit report.xml
  slipway model test model.pt --spec release.yaml --runtimes runtimes/runtimes.yaml`,
		Args: takes("MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runModelTest(cmd.Context(), data, args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Spec, "spec", "", "release spec with the limits, the label and the files")
	f.StringVar(&o.Data, "data", "", "rows that the model has not seen, with the label; default: data.test of the spec")
	f.StringArrayVar(&o.Path, "path", nil, "which file of the folder or data version")
	f.StringVar(&o.Train, "train", "", "file with the rows that the model was trained on: finds overlap and leakage; default: data.train of the spec")
	f.StringVar(&o.Schema, "schema", "", "schema of the data; default: data.schema of the spec, or none")
	f.StringVar(&o.Label, "label", "", "column that holds the truth; default: data.label of the spec")
	f.StringSliceVar(&o.Exclude, "exclude", nil, "columns that are no inputs of the model")
	f.StringVar(&o.Task, "task", "", "classification (the default) or regression")
	f.StringVar(&o.Production, "production", "", "model to compare with")
	f.StringArrayVar(&o.External, "external-data", nil, "file in which a model keeps weights, in its folder or below; may be repeated; model.external_data of the spec, too")
	f.StringVar(&o.Device, "device", string(onnx.DeviceAuto), "where the model runs: auto, cpu or cuda")
	f.StringVar(&o.Runtimes, "runtimes", "", "file that lists the runtimes of models that are not ONNX (SLIPWAY_RUNTIMES)")
	f.StringVar(&o.HTML, "html", "", "write the report as an HTML page to this file")
	f.StringVar(&o.JUnit, "junit", "", "write the report as JUnit XML to this file")
	f.StringVar(&o.Card, "card", "", "write a model card to this file")
	data.register(f)
	return cmd
}

func (a *app) runModelTest(ctx context.Context, data *DataOptions, model string, o ModelTestOptions) error {
	r, err := o.release(model)
	if err != nil {
		return err
	}
	in, train, err := o.input(ctx, a, data, model, r)
	if err != nil {
		return err
	}
	tell, done := a.testProgress()
	report, err := modeltest.Isolated(ctx, in, train, tell)
	done()
	if ctx.Err() != nil {
		return exitError{code: codeError, cause: errors.New("interrupted; the test was stopped")}
	}
	if err != nil {
		return err
	}
	if err := o.write(report, in); err != nil {
		return err
	}
	if a.json() {
		err = a.printJSON(report)
	} else {
		a.tellTests(report)
	}
	if err == nil && !report.Passed {
		err = exitError{code: codeStopped}
	}
	return err
}

// release is the spec that the flags and the file together say.
func (o *ModelTestOptions) release(model string) (spec.Release, error) {
	var r spec.Release
	if o.Spec != "" {
		var err error
		if r, err = spec.Load(o.Spec); err != nil {
			return r, err
		}
	} else {
		r.Model.Name, r.Model.Version = strings.TrimSuffix(filepath.Base(model), filepath.Ext(model)), "untagged"
		r.Model.Task = spec.Classification
		r.SetDefaults()
	}
	if o.Task != "" {
		r.Model.Task = spec.Task(o.Task)
	}
	if t := r.Model.Task; t != spec.Classification && t != spec.Regression {
		return r, usagef("--task %q: want classification or regression", o.Task)
	}
	if o.Label != "" {
		r.Data.Label = o.Label
	}
	if r.Data.Label == "" {
		return r, usagef("--label is missing: name the column that holds the truth, or give a --spec that does")
	}
	r.Data.Exclude = append(r.Data.Exclude, o.Exclude...)
	for _, f := range []struct {
		flag *string
		file spec.File
	}{{&o.Data, r.Data.Test}, {&o.Train, r.Data.Train}, {&o.Schema, r.Data.Schema}} {
		if *f.flag == "" && !f.file.IsZero() {
			*f.flag = f.file.At(o.Spec)
		}
	}
	if o.Data == "" {
		return r, usagef("--data is missing: name the rows to test with, or give a --spec that does")
	}
	return r, nil
}

// input reads the files.
func (o *ModelTestOptions) input(ctx context.Context, a *app, data *DataOptions, model string, r spec.Release) (modeltest.Input, *modeltest.File, error) {
	in := modeltest.Input{Spec: r.Model, Data: r.Data, Tests: r.Tests, Device: onnx.Device(o.Device)}
	var err error
	if in.Runtime, err = o.runtime(cmp.Or(o.Runtimes, a.getenv("SLIPWAY_RUNTIMES")), r.Tests.Process); err != nil {
		return in, nil, err
	}
	external := append(externalPaths(o.Spec, r.Model), o.External...)
	if in.Model, err = a.readArtifact(ctx, model, external); err != nil {
		return in, nil, fmt.Errorf("model: %w", err)
	}
	if o.Production != "" {
		in.ProductionVersion = filepath.Base(o.Production)
		if in.Production, err = a.readArtifact(ctx, o.Production, external); err != nil {
			return in, nil, fmt.Errorf("--production: %w", err)
		}
	}
	var schema *dataset.Schema
	if o.Schema != "" {
		if schema, err = readSchema(o.Schema); err != nil {
			return in, nil, err
		}
	}
	err = data.withTables(ctx, a, o.Data, o.Path, func(tables []table) error {
		t, err := oneTable(tables)
		if err != nil {
			return err
		}
		return t.read(func(src dataset.Source) error {
			in.Test, err = dataset.ReadTable(ctx, src, dataset.TableOptions{Schema: schema})
			return err
		})
	})
	if err != nil {
		return in, nil, err
	}
	for _, c := range in.Test.Columns() {
		if schema != nil && schema.Personal(c.Name) {
			in.Personal = append(in.Personal, c.Name)
		}
	}
	if o.Train == "" {
		return in, nil, nil
	}
	train, err := os.ReadFile(o.Train)
	if err != nil {
		return in, nil, fmt.Errorf("--train: %w", err)
	}
	return in, &modeltest.File{Name: filepath.Base(o.Train), Content: train}, nil
}

// runtime is what models that are not ONNX are tested on. What their processes
// print is in the report when they fail.
func (o *ModelTestOptions) runtime(file string, limits spec.Process) (serving.Runtime, error) {
	cfg := modelserver.Config{Device: onnx.Device(o.Device), Memory: int64(limits.MemoryMB * 1e6), CPU: limits.CPUTime.D(), Logger: slog.New(slog.DiscardHandler)}
	var programs []modelserver.Program
	if file != "" {
		var err error
		if programs, err = modelserver.ReadPrograms(file); err != nil {
			return nil, fmt.Errorf("--runtimes: %w", err)
		}
	}
	own, err := modelserver.NewONNX(cfg)
	if err != nil {
		return nil, fmt.Errorf("--device: %w", err)
	}
	return modelserver.Select(own, cfg, programs)
}

// write writes the files that were asked for.
func (o *ModelTestOptions) write(report modeltest.Report, in modeltest.Input) error {
	for _, f := range []struct {
		path string
		draw func() ([]byte, error)
	}{
		{o.HTML, report.HTML},
		{o.JUnit, report.JUnit},
		{o.Card, func() ([]byte, error) { return report.Card(in.Spec, in.Data) }},
	} {
		if f.path == "" {
			continue
		}
		b, err := f.draw()
		if err != nil {
			return err
		}
		if err := os.WriteFile(f.path, b, 0o644); err != nil { //nolint:gosec // a report is for others to read
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

// tellTests prints the tests, what failed last, where people look.
func (a *app) tellTests(r modeltest.Report) {
	rows := make([][]string, len(r.Tests))
	for i, t := range r.Tests {
		rows[i] = []string{t.ID, t.Name, string(t.Status), t.ValueText(), t.LimitText()}
	}
	a.table([]string{"", "TEST", "RESULT", "VALUE", "LIMIT"}, rows)
	fmt.Fprintln(a.stdout)
	for _, t := range r.Tests {
		if t.Error != "" {
			fmt.Fprintf(a.stdout, "%s %s: %s\n", t.Name, t.Status, clean(t.Error))
		}
	}
	verdict := "the model passed its tests"
	if !r.Passed {
		verdict = "the model did not pass its tests"
	}
	fmt.Fprintf(a.stdout, "%s: %s, on %s in %.1f s\n", verdict, r.Tally(), count64(int64(r.Rows), "row"), r.Seconds)
}

// testProgress draws a bar of tests on a terminal and nothing elsewhere. The
// caller calls done when the work has ended.
func (a *app) testProgress() (tell func(done, total int, name string), done func()) {
	if !a.terminal(a.stderr) {
		return nil, func() {}
	}
	bars := mpb.New(mpb.WithOutput(a.stderr))
	names := make(chan string, 1)
	current := ""
	bar := bars.AddBar(0, mpb.BarWidth(30), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("test  "), decor.CountersNoUnit("%d of %d")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			select {
			case current = <-names:
			default:
			}
			return "  " + current
		})))
	tell = func(at, total int, name string) {
		select {
		case <-names: // nobody drew the one before
		default:
		}
		names <- name
		bar.SetTotal(int64(total), false)
		bar.SetCurrent(int64(at))
	}
	return tell, func() {
		bar.SetTotal(-1, true)
		bars.Wait()
	}
}
