package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/spec"
)

func TestFixMakesOneVersionOfEqualContent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	first := twice[contract.FixDataOutput](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), Data: data, By: requester})
	require.Equal(t, data.Name, first.Name)
	require.EqualValues(t, 1, first.Version)
	require.Equal(t, data, first.Resolve(data), "the tables of files are what they were")

	// Another release, under another name, over the same bytes.
	renamed := data
	renamed.Name = "german-credit"
	other := do[contract.FixDataOutput](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.2.0", "r2"), Data: renamed, By: "bob"})
	require.Equal(t, first, other)
	versions, err := b.catalog.DataVersions(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, versions, 1)

	saved, err := b.catalog.Data(t.Context(), first.Digest)
	require.NoError(t, err)
	require.Equal(t, requester, saved.Actor)
	require.True(t, saved.Tree)
	require.EqualValues(t, 2, saved.FileCount, "train, which is the reference too, and test")

	// The same files by `slipway data add`: the same version.
	dir := t.TempDir()
	for _, name := range []string{"train.csv", "test.csv"} {
		content, err := os.ReadFile(filepath.Join(credit, "data", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	added, err := b.library.Add(t.Context(), dir, dataversion.NewVersion{Name: "by-hand"}, catalog.Mark{Key: "k", Actor: "ann"}, nil)
	require.NoError(t, err)
	require.True(t, added.Existed)
	require.Equal(t, first.Digest, added.Version.Digest)
	require.Zero(t, added.Stored)

	// Other content is another version.
	changed := data
	changed.Test = b.file(data.Test.Path, append(b.content(data.Test), '\n'))
	next := do[contract.FixDataOutput](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.3.0", "r3"), Data: changed, By: requester})
	require.EqualValues(t, 2, next.Version)
	require.NotEqual(t, first.Digest, next.Digest)
}

// What was uploaded as blobs of the store, as releases once did, becomes the same version.
func TestFixTakesBlobs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	before := data
	c := newBench(t)
	for _, table := range before.Tables() {
		*table.File = c.put(table.File.Path, b.content(*table.File))
	}
	before.Schema = c.put(data.Schema.Path, b.stored(data.Schema.Digest))
	want := do[contract.FixDataOutput](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), Data: data, By: requester})
	got := twice[contract.FixDataOutput](c, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), Data: before, By: requester})
	require.Equal(t, want, got)
	verdict := do[contract.Verdict](c, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: before})
	require.True(t, verdict.Passed, verdict.Summary)
}

func TestFixRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(*bench, *spec.Data)
		kind   string
		words  []string
	}{
		"missing file": {func(_ *bench, d *spec.Data) {
			d.Test.Digest = string(artifacts.DigestOf([]byte("never uploaded")))
		}, contract.ErrDigestMismatch, []string{"data.test (data/test.csv)", "start the release again"}},
		"size mismatch": {func(_ *bench, d *spec.Data) { d.Train.Size++ }, contract.ErrDigestMismatch, []string{"data.train", "damaged", "bytes stored"}},
		"torn schema": {func(b *bench, d *spec.Data) {
			require.NoError(b.t, os.Truncate(b.blob(d.Schema.Digest), 10))
		}, contract.ErrDigestMismatch, []string{"data.schema", "10 bytes stored"}},
		"no digest": {func(_ *bench, d *spec.Data) { d.Reference.Digest = "md5:1" }, contract.ErrInvalidInput, []string{"data.reference"}},
		"bad name":  {func(_ *bench, d *spec.Data) { d.Name = "a/b" }, contract.ErrInvalidInput, []string{"a/b"}},
		"no such version": {func(_ *bench, d *spec.Data) {
			d.Version, d.Name = "credit@9", ""
		}, contract.ErrNotFound, []string{"data.version", "credit@9"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			data := b.release("1.1.0").Data
			c.breaks(b, &data)
			_, err := try[contract.FixDataOutput](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), Data: data, By: requester})
			final(t, err, c.kind, c.words...)
			require.Empty(t, b.events())
		})
	}
}

func TestValidatePasses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: b.release("1.1.0").Data, Version: contract.DataVersion{Name: "credit", Version: 3}}
	found := twice[contract.Verdict](b, contract.ActivityValidateData, in)
	require.True(t, found.Passed, found.Summary)
	require.Regexp(t, "^credit@3: [0-9]+ rows", found.Summary)
	require.Contains(t, found.Summary, "2 tables", "the reference is the training table: it is checked once")
	require.InDelta(t, 1, found.Metrics[dataset.Completeness], 0)
	var report []dataset.Report
	require.NoError(t, json.Unmarshal(b.stored(found.Report.Digest), &report))
	require.Len(t, report, 2)
	require.Contains(t, string(b.stored(found.Report.Page)), "Data validation")
	b.beatSaid(0, 2, "validate data/train.csv")
	b.beatSaid(1, 2, "validate data/test.csv")
	require.Contains(t, string(b.stored(found.Report.JUnit)), `<testsuite name="data/train.csv"`)
}

// What breaks a rule of the schema is a verdict; what is no table is an error.
func TestValidateFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: b.release("1.1.0").Data}
	train := b.content(in.Data.Train)
	lines := bytes.SplitAfter(train, []byte("\n"))

	in.Data.Test = b.file("few.csv", bytes.Join(lines[:11], nil))
	found := twice[contract.Verdict](b, contract.ActivityValidateData, in)
	require.False(t, found.Passed)
	require.Contains(t, found.Summary, "few.csv")
	require.NotEmpty(t, found.Report.Page)

	for name, content := range map[string][]byte{
		"ragged.csv": append(bytes.Clone(train), "male,33\n"...),
		"empty.csv":  []byte("\n"),
	} {
		in.Data.Test = b.file(name, content)
		_, err := try[contract.Verdict](b, contract.ActivityValidateData, in)
		final(t, err, contract.ErrInvalidInput, "data.test", name)
	}
	in.Data.Schema = b.put("schema.yaml", []byte("columns: [{name: age, typo: integer}]"))
	_, err := try[contract.Verdict](b, contract.ActivityValidateData, in)
	final(t, err, contract.ErrInvalidInput, "schema.yaml")
}

// A column that the release calls sensitive is personal, whatever the schema says.
func TestValidateHidesSensitiveColumns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	data.Schema = b.put("schema.yaml", []byte(`columns: [{name: name, type: string, values: [ann]}, {name: "note", type: string, values: [fine]}]`))
	data.Train = b.file("train.csv", []byte("name,note\nhidden-value,open-value\n"))
	data.Test, data.Reference = data.Train, data.Train
	for _, sensitive := range [][]string{nil, {"name"}} {
		data.Sensitive = sensitive
		found := do[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: data})
		require.False(t, found.Passed)
		for _, digest := range []string{found.Report.Digest, found.Report.Page, found.Report.JUnit} {
			require.Contains(t, string(b.stored(digest)), "open-value")
			require.Equal(t, sensitive == nil, strings.Contains(string(b.stored(digest)), "hidden-value"))
		}
		require.Equal(t, sensitive == nil, strings.Contains(found.Summary, "hidden-value"))
	}
	// With a key tokens stand in the report: equal ones for equal values.
	b.set.Data.MaskKey = []byte(strings.Repeat("k", 32))
	found := do[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: data})
	report := string(b.stored(found.Report.Digest))
	require.NotContains(t, report, "hidden-value")
	require.NotContains(t, report, dataset.Masked)
	require.Regexp(t, `"value": "[a-z2-7]{26}"`, report)
}

// Distributions are compared with the reference rows.
func TestValidateComparesWithTheReference(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	data.Schema = b.put("schema.yaml", []byte("columns: [{name: x, type: number, psi: 0.2, reason: the score was trained on it}]"))
	table := func(name string, from int) spec.File {
		var out strings.Builder
		out.WriteString("x\n")
		for i := range 1000 {
			fmt.Fprintf(&out, "%d\n", from+i%100)
		}
		return b.file(name, []byte(out.String()))
	}
	data.Train, data.Test = table("train.csv", 0), table("test.csv", 0)
	data.Reference = data.Train
	in := contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: data}
	found := do[contract.Verdict](b, contract.ActivityValidateData, in)
	require.True(t, found.Passed, found.Summary)
	in.Data.Test = table("test.csv", 50)
	found = do[contract.Verdict](b, contract.ActivityValidateData, in)
	require.False(t, found.Passed)
	require.Contains(t, found.Summary, "test.csv: column x: want a population stability index")
	require.Contains(t, found.Summary, "(the score was trained on it)")
	in.Data.Reference = table("reference.csv", 50)
	found = do[contract.Verdict](b, contract.ActivityValidateData, in)
	require.False(t, found.Passed, "train is far from the reference now")
	require.Contains(t, found.Summary, "train.csv: column x")
}

// Bytes that are not what the digest names must never be judged.
func TestValidateFindsDamage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	require.NoError(t, filepath.WalkDir(filepath.Join(b.dir, "packs"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content[len(content)/2] ^= 1
		require.NoError(t, os.Chmod(path, 0o600))
		return os.WriteFile(path, content, 0o600)
	}))
	_, err := try[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: data})
	final(t, err, contract.ErrDigestMismatch, "data.train", "damaged")
}

func TestValidateStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: b.release("1.1.0").Data}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tryIn[contract.Verdict](ctx, b, contract.ActivityValidateData, in)
	require.ErrorContains(t, err, "cancel")
}

// cutLine is the first line, with its end, and the rest.
func cutLine(content []byte) (line, rest []byte, found bool) {
	i := bytes.IndexByte(content, '\n')
	return content[:i+1], content[i+1:], i >= 0
}
