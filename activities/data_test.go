package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
)

func TestFixMakesOneVersionOfEqualContent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := b.release("1.1.0").Data
	first := twice[contract.DataVersion](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), Data: data, By: requester})
	require.Equal(t, data.Name, first.Name)
	require.EqualValues(t, 1, first.Version)

	// Another release, under another name, over the same bytes.
	renamed := data
	renamed.Name = "german-credit"
	other := do[contract.DataVersion](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.2.0", "r2"), Data: renamed, By: "bob"})
	require.Equal(t, first, other)
	versions, err := b.catalog.DataVersions(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, versions, 1)

	saved, err := b.catalog.Data(t.Context(), first.Digest)
	require.NoError(t, err)
	require.Equal(t, requester, saved.Actor)
	require.Equal(t, []catalog.DataFile{
		{Path: data.Train.Path, Role: "train", Digest: data.Train.Digest, Size: data.Train.Size},
		{Path: data.Test.Path, Role: "test", Digest: data.Test.Digest, Size: data.Test.Size},
		{Path: data.Reference.Path, Role: "reference", Digest: data.Reference.Digest, Size: data.Reference.Size},
		{Path: data.Schema.Path, Role: "schema", Digest: data.Schema.Digest, Size: data.Schema.Size},
	}, saved.Files)
	require.Equal(t, first.Digest, string(artifacts.DigestOf(b.stored(first.Digest))), "the version's digest is that of its stored manifest")

	// Other content is another version.
	changed := data
	changed.Test = b.put(data.Test.Path, append(b.stored(data.Test.Digest), '\n'))
	next := do[contract.DataVersion](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.3.0", "r3"), Data: changed, By: requester})
	require.EqualValues(t, 2, next.Version)
	require.NotEqual(t, first.Digest, next.Digest)
}

func TestFixRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(*bench, *spec.Data)
		kind   string
		words  []string
	}{
		"missing blob": {func(_ *bench, d *spec.Data) {
			d.Test.Digest = string(artifacts.DigestOf([]byte("never uploaded")))
		}, contract.ErrDigestMismatch, []string{"data.test (data/test.csv)"}},
		"size mismatch": {func(_ *bench, d *spec.Data) { d.Train.Size++ }, contract.ErrDigestMismatch, []string{"data.train", "damaged", "bytes stored"}},
		"torn blob": {func(b *bench, d *spec.Data) {
			require.NoError(b.t, os.Truncate(b.blob(d.Schema.Digest), 10))
		}, contract.ErrDigestMismatch, []string{"data.schema", "10 bytes stored"}},
		"no digest": {func(_ *bench, d *spec.Data) { d.Reference.Digest = "md5:1" }, contract.ErrInvalidInput, []string{"data.reference"}},
		"bad name":  {func(_ *bench, d *spec.Data) { d.Name = "a/b" }, contract.ErrInvalidInput, []string{"a/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			data := b.release("1.1.0").Data
			c.breaks(b, &data)
			_, err := try[contract.DataVersion](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), Data: data, By: requester})
			final(t, err, c.kind, c.words...)
			require.Empty(t, b.events())
		})
	}
}

func TestValidatePasses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: b.release("1.1.0").Data}
	found := twice[contract.Verdict](b, contract.ActivityValidateData, in)
	require.True(t, found.Passed, found.Summary)
	require.Contains(t, found.Summary, "2 tables", "the reference is the training table: it is checked once")
	require.InDelta(t, 1, found.Metrics[dataset.Completeness], 0)
	var report []dataset.Report
	require.NoError(t, json.Unmarshal(b.stored(found.Report.Digest), &report))
	require.Len(t, report, 2)
	require.Contains(t, string(b.stored(found.Report.Page)), "Data validation")
	b.beatSaid(0, 4, "validate data/train.csv")
	b.beatSaid(1, 4, "validate data/test.csv")
}

// What breaks a rule of the schema is a verdict; what is no table is an error.
func TestValidateFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: b.release("1.1.0").Data}
	train := b.stored(in.Data.Train.Digest)
	lines := bytes.SplitAfter(train, []byte("\n"))

	in.Data.Test = b.put("few.csv", bytes.Join(lines[:11], nil))
	found := twice[contract.Verdict](b, contract.ActivityValidateData, in)
	require.False(t, found.Passed)
	require.Contains(t, found.Summary, "few.csv")
	require.NotEmpty(t, found.Report.Page)

	for name, content := range map[string][]byte{
		"ragged.csv": append(bytes.Clone(train), "male,33\n"...),
		"empty.csv":  []byte("\n"),
	} {
		in.Data.Test = b.put(name, content)
		_, err := try[contract.Verdict](b, contract.ActivityValidateData, in)
		final(t, err, contract.ErrInvalidInput, name)
	}
	in.Data.Schema = b.put("schema.yaml", []byte("columns: [{name: age, typo: integer}]"))
	_, err := try[contract.Verdict](b, contract.ActivityValidateData, in)
	final(t, err, contract.ErrInvalidInput, "schema.yaml")
}

// Bytes that are not what the digest names must never be judged.
func TestValidateFindsDamage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: b.release("1.1.0").Data}
	path := b.blob(in.Data.Test.Digest)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, content, 0o600))
	_, err = try[contract.Verdict](b, contract.ActivityValidateData, in)
	final(t, err, contract.ErrDigestMismatch, "data.test", "damaged")
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
