package activities_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
	"github.com/slipway-ml/slipway/internal/spec"
)

func (b *bench) evaluation() contract.EvaluateInput {
	r := b.release("1.1.0")
	return contract.EvaluateInput{
		Key: key("1.1.0", "r1"), Policies: r.Policies, Documents: r.Model.Documents,
		Metrics: map[string]float64{governance.MetricAccuracy: 0.75, governance.MetricLatencyMeanMS: 2},
		Quality: map[string]float64{"completeness": 1, "uniqueness": 1, "validity": 1},
	}
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.evaluation()
	found := twice[contract.EvaluateOutput](b, contract.ActivityEvaluate, in)
	require.True(t, found.Compliant, found.Summary)
	require.InDelta(t, 1, found.Score, 0)
	var report governance.Evaluation
	require.NoError(t, json.Unmarshal(b.stored(found.Report.Digest), &report))
	require.Len(t, report.Policies, 3)
	page := string(b.stored(found.Report.Page))
	require.Contains(t, page, "Compliant")
	require.Contains(t, page, "documentation")

	in.Metrics[governance.MetricAccuracy] = 0.1
	delete(in.Documents, "model_card")
	found = twice[contract.EvaluateOutput](b, contract.ActivityEvaluate, in)
	require.False(t, found.Compliant)
	require.Contains(t, found.Summary, "model_card is missing")
	require.Contains(t, string(b.stored(found.Report.Page)), "Not compliant")
	require.Empty(t, b.events())
}

// A document is evidence only if its bytes are there.
func TestEvaluateWithoutADocumentsBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.evaluation()
	in.Documents["model_card"] = spec.File{Path: "model_card.md", Digest: string(artifacts.DigestOf([]byte("never uploaded"))), Size: 14}
	_, err := try[contract.EvaluateOutput](b, contract.ActivityEvaluate, in)
	final(t, err, contract.ErrDigestMismatch, "document model_card")
	in.Documents["model_card"] = spec.File{Path: "model_card.md"}
	_, err = try[contract.EvaluateOutput](b, contract.ActivityEvaluate, in)
	final(t, err, contract.ErrInvalidInput, "document model_card")
}

func TestRecordMessage(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		message       contract.Message
		actor, action string
	}{
		"accepted": {contract.Message{Name: contract.SignalAbort, By: "bob", Reason: "stop", At: at, Accepted: true}, "bob", "message.abort"},
		"ignored":  {contract.Message{Name: contract.SignalPause, By: "mallory", At: at, Why: "not an operator"}, "mallory", "message.ignored"},
		"nobody":   {contract.Message{Name: contract.SignalDecide, At: at, Why: "by is empty"}, "unknown", "message.ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			in := contract.RecordMessageInput{Key: key("1.1.0", "r1"), Scope: "canary", Seq: 1, Message: c.message}
			twice[contract.Empty](b, contract.ActivityRecordMessage, in)
			require.Len(t, b.events(), 1)
			e := b.last()
			require.Equal(t, c.actor, e.Actor)
			require.Equal(t, c.action, e.Action)
			require.Equal(t, c.message.Reason, e.Reason)
			require.Equal(t, contract.ReleaseID(model, "1.1.0"), e.Subject)
			var kept contract.Message
			require.NoError(t, json.Unmarshal(e.Detail, &kept))
			require.Equal(t, c.message, kept, "also why it did not count")

			in.Seq = 2
			do[contract.Empty](b, contract.ActivityRecordMessage, in)
			in.Scope = "release"
			do[contract.Empty](b, contract.ActivityRecordMessage, in)
			require.Len(t, b.events(), 3, "each message of each workflow is one event")
		})
	}
}
