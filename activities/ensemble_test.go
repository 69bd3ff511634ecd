package activities_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/ensemble"
	"github.com/slipway-ml/slipway/internal/serving"
)

// The members of an ensemble have to be what the registry has under their names, and may not be rejected, however the release was started.
func TestModelTestsOfAnEnsemble(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.set.ModelTests.Catalog = b.catalog
	content, err := os.ReadFile(filepath.Join(credit, "models", "1.0.0.onnx"))
	require.NoError(t, err)
	d := ensemble.Document{
		Kind:    ensemble.Kind,
		Steps:   []ensemble.Step{{Name: "only", Model: ensemble.Member{Name: model, Version: "1.0.0", Digest: string(artifacts.DigestOf(content))}}},
		Outputs: []ensemble.Output{{Name: "label", From: "only.label"}, {Name: "probabilities", From: "only.probabilities"}},
	}
	var packed bytes.Buffer
	require.NoError(t, ensemble.Pack(&packed, d, func(ensemble.Member) (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader(content)), int64(len(content)), nil
	}))
	in := b.candidate("1.1.0")
	in.Production, in.ProductionDigest = "", ""
	in.Model.Artifact = b.put("pipeline.yaml", packed.Bytes())
	refused := func(want string) {
		t.Helper()
		_, err := try[contract.Verdict](b, contract.ActivityTestModel, in)
		require.ErrorContains(t, err, want)
	}
	register := func(digest string) {
		t.Helper()
		_, _, err := b.catalog.RegisterModel(t.Context(), catalog.Model{Name: model, Version: "1.0.0", Digest: digest, CreatedBy: requester}, nil, catalog.Mark{Key: "register", Actor: requester})
		require.NoError(t, err)
	}
	refused("model.artifact: step only of the ensemble: the registry has no credit-risk/1.0.0")
	register(d.Steps[0].Model.Digest)
	refused(serving.ErrNoRuntime.Error()) // nothing else was wrong: it would be tested now
	_, err = b.catalog.SetStage(t.Context(), model, "1.0.0", catalog.StageRejected, catalog.Mark{Key: "reject", Actor: "carol"})
	require.NoError(t, err)
	refused("credit-risk/1.0.0 was rejected")

	broken := append(bytes.Clone(packed.Bytes()), 0)
	in.Model.Artifact = b.put("pipeline.yaml", broken)
	refused("model.artifact: read ensemble: something follows the last file")

	b = newBench(t)
	b.set.ModelTests.Catalog = b.catalog
	again := b.candidate("1.1.0")
	again.Production, again.ProductionDigest = "", ""
	again.Model.Artifact = b.put("pipeline.yaml", packed.Bytes())
	in = again
	register("sha256:another")
	refused("the registry has credit-risk/1.0.0 as sha256:another, the ensemble as " + d.Steps[0].Model.Digest)
}
