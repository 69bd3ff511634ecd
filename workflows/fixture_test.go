package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

const (
	requester = "rita"
	ann       = "ann" // may approve
	ben       = "ben" // may approve
	mallory   = "mallory"
)

var (
	theKey    = contract.Key{Model: "credit", Version: "1.1.0"}
	theID     = contract.ReleaseID("credit", "1.1.0")
	candidate = "sha256:" + strings.Repeat("ab", 32)
)

func fileOf(name string) spec.File {
	return spec.File{Path: name, Digest: candidate, Size: 7}
}

// theSpec asks for one approval and has two canary steps of a minute, looked at every 10 s.
func theSpec(t *testing.T) spec.Release {
	t.Helper()
	r := spec.Release{
		Model: spec.Model{Name: theKey.Model, Version: theKey.Version, Artifact: fileOf("model.onnx"), Task: spec.Classification},
		Data:  spec.Data{Train: fileOf("train.csv"), Test: fileOf("test.csv"), Schema: fileOf("schema.yaml"), Label: "y"},
		Approvals: spec.Approvals{
			Required: 1, Approvers: []spec.Identity{{Name: ann}, {Name: ben}, {Name: requester}},
		},
		Canary: theCanary(),
	}
	r.SetDefaults()
	require.NoError(t, spec.ResolvedValidate(r))
	return r
}

func theCanary() spec.Canary {
	return spec.Canary{
		Steps: []spec.Step{
			{Weight: 10, Duration: spec.Duration(time.Minute)},
			{Weight: 100, Duration: spec.Duration(time.Minute)},
		},
		WarmUp: spec.Duration(time.Minute),
		Analysis: spec.Analysis{
			Interval: spec.Duration(10 * time.Second), HoldDeadline: spec.Duration(time.Minute), MinSamples: 50,
			Alpha: 0.05, MaxErrorRate: 0.1, MaxLatencyRatio: 2, LatencyQuantile: 0.95, LatencyFloorMS: 5,
		},
	}
}

// fakes of every activity: all gates pass.
func (s *script) wellBehaved() *script {
	gives(s, begin, contract.BeginOutput{Admitted: true, Production: "1.0.0", ProductionDigest: "sha256:old", AllowUnverified: true})
	gives(s, fixData, contract.FixDataOutput{DataVersion: contract.DataVersion{Name: "credit", Version: 1, Digest: "sha256:data"}})
	gives(s, validateData, contract.Verdict{Passed: true, Summary: "900 rows are valid", Report: contract.Report{Digest: "sha256:d"}, Metrics: map[string]float64{"completeness": 1}})
	gives(s, testModel, contract.Verdict{Passed: true, Summary: "all tests passed", Report: contract.Report{Digest: "sha256:m", Card: "sha256:c"}, Metrics: map[string]float64{"accuracy": 0.9}})
	gives(s, register, contract.ModelVersion{ID: "model-2", Number: 2, Digest: candidate})
	gives(s, noteGate, contract.Empty{})
	gives(s, finish, contract.Empty{})
	gives(s, evaluate, contract.EvaluateOutput{Compliant: true, Score: 1, Summary: "3 of 3 policies passed"})
	gives(s, recordMessage, contract.Empty{})
	gives(s, stage, contract.RouteOutput{Rev: 10, Stable: "1.0.0"})
	gives(s, warm, contract.WarmOutput{Host: "gpu-1", Device: "cpu"})
	gives(s, awaitReady, contract.AwaitReadyOutput{Gateways: []string{"g1"}})
	on(s, shift, func(in contract.ShiftInput) (contract.RouteOutput, error) {
		return contract.RouteOutput{Rev: in.Rev + 1, Stable: "1.0.0"}, nil
	})
	gives(s, analyse, contract.Analysis{Verdict: contract.AnalysisPass, Reason: "no sign of harm"})
	on(s, promote, func(in contract.PromoteInput) (contract.RouteOutput, error) {
		return contract.RouteOutput{Rev: in.Rev + 1, Stable: "1.1.0"}, nil
	})
	gives(s, rollBack, contract.RouteOutput{Rev: 99, Stable: "1.0.0"})
	gives(s, confirm, contract.ConfirmOutput{Summary: "1.1.0 serves on 1 gateway(s)"})
	gives(s, ensureSchedule, contract.Empty{})
	gives(s, checkWindow, contract.MonitorStatus{State: contract.MonitorOK})
	gives(s, sendNotice, contract.Empty{})
	return s
}

// looks scripts the analyses: one verdict for each look, the last one for all further looks.
func (s *script) looks(verdicts ...contract.AnalysisVerdict) {
	on(s, analyse, func(in contract.AnalyseInput) (contract.Analysis, error) {
		v := verdicts[min(in.Look, len(verdicts))-1]
		return contract.Analysis{Verdict: v, Reason: fmt.Sprintf("look %d says %s", in.Look, v), Look: in.Look}, nil
	})
}

func decision(id, approver, word string) contract.Decision {
	return contract.Decision{
		ID: id, Release: theID, Candidate: candidate, Decision: word, Approver: approver, Reason: "because",
		IssuedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func control(id, by string) contract.Control {
	return contract.Control{ID: id, Release: theID, By: by, Reason: "because", IssuedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}
