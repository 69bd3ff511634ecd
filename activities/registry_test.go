package activities_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/spec"
)

func beginInput(version, run string) contract.BeginInput {
	return contract.BeginInput{
		Key: key(version, run), RequestedBy: requester, WorkflowID: contract.ReleaseID(model, version), Candidate: digestOf(version),
	}
}

// digestOf stands for a model where no bytes are read.
func digestOf(version string) string { return "sha256:model-" + version }

// register admits a release and puts its model into the registry, stage staging.
func (b *bench) register(version, run string) contract.ModelVersion {
	b.t.Helper()
	return b.registerWatched(version, run, nil)
}

func (b *bench) registerWatched(version, run string, watched *spec.Data) contract.ModelVersion {
	b.t.Helper()
	require.True(b.t, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput(version, run)).Admitted)
	in := contract.RegisterInput{Key: key(version, run), RequestedBy: requester, Data: b.dataVersion(version, run), Watched: watched}
	in.Model.Name, in.Model.Version, in.Model.Artifact.Digest = model, version, digestOf(version)
	return do[contract.ModelVersion](b, contract.ActivityRegister, in)
}

func (b *bench) dataVersion(version, run string) contract.DataVersion {
	b.t.Helper()
	saved, _, err := b.catalog.SaveData(b.t.Context(), catalog.DataVersion{Name: model, Digest: "sha256:data", Actor: requester},
		catalog.Mark{Key: key(version, run).String() + "/data", Actor: requester})
	require.NoError(b.t, err)
	return contract.DataVersion{Name: saved.Name, Version: saved.Version, Digest: saved.Digest}
}

func (b *bench) stage(version string) string {
	b.t.Helper()
	m, err := b.catalog.Model(b.t.Context(), model, version)
	require.NoError(b.t, err)
	return m.Stage
}

func (b *bench) attempt(version string) catalog.Release {
	b.t.Helper()
	r, err := b.catalog.Release(b.t.Context(), model, version)
	require.NoError(b.t, err)
	return r
}

func TestBeginAdmits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Equal(t, contract.BeginOutput{Admitted: true}, twice[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r1")))
	require.Len(t, b.events(), 1)
	r := b.attempt("1.0.0")
	require.True(t, r.Active())
	require.Equal(t, requester, r.RequestedBy)
	require.Equal(t, digestOf("1.0.0"), r.Candidate)

	b.set.Registry.AllowUnverified = true
	require.True(t, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r1")).AllowUnverified, "the worker decides, not the release")

	nobody := beginInput("1.1.0", "r2")
	nobody.RequestedBy = ""
	_, err := try[contract.BeginOutput](b, contract.ActivityBegin, nobody)
	final(t, err, contract.ErrInvalidInput, "actor")
}

func TestBeginTellsWhatServes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.produce("1.0.0", "r1")
	require.Equal(t, contract.BeginOutput{Admitted: true, Production: "1.0.0", ProductionDigest: digestOf("1.0.0")},
		twice[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r2")))
}

// A version is released once, by whatever way the second release comes.
func TestBeginRefusesWhatWasReleased(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.produce("1.0.0", "r1")
	before := b.events()
	require.Equal(t, contract.BeginOutput{Released: catalog.StageProduction}, twice[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r2")))
	require.True(t, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r1")).Admitted, "a reset goes on as the attempt that it was")
	require.Equal(t, before, b.events())
	b.produce("1.1.0", "r3")
	require.Equal(t, contract.BeginOutput{Released: catalog.StageArchived}, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r4")))
	b.canary("1.2.0", "r5")
	do[contract.Empty](b, contract.ActivityFinish, contract.FinishInput{Key: key("1.2.0", "r5"), Outcome: contract.OutcomeRolledBack, Reason: "slow", By: requester})
	require.True(t, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.2.0", "r6")).Admitted, "what did not make it may try again")
}

func TestBeginWaitsForALivingHolder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r1"))
	b.running.alive[contract.ReleaseID(model, "1.0.0")] = true
	refused := twice[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r2"))
	require.Equal(t, contract.BeginOutput{Holder: contract.ReleaseID(model, "1.0.0")}, refused)
	require.True(t, b.attempt("1.0.0").Active())
	_, err := b.catalog.Release(t.Context(), model, "1.1.0")
	require.ErrorIs(t, err, catalog.ErrNotFound)
}

// When nobody can tell whether the holder lives, nothing is taken from it.
func TestBeginTakesNothingOnDoubt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r1"))
	b.running.err = errors.New("temporal does not answer")
	before := b.events()
	_, err := try[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r2"))
	retried(t, err, "temporal does not answer")
	require.Equal(t, before, b.events())
}

func TestBeginTakesOverFromTheDead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.produce("1.0.0", "r1")
	b.register("1.1.0", "dead")
	staged := do[contract.RouteOutput](b, contract.ActivityStage, contract.StageInput{Key: key("1.1.0", "dead"), Digest: digestOf("1.1.0"), By: requester})
	do[contract.RouteOutput](b, contract.ActivityShift, contract.ShiftInput{Key: key("1.1.0", "dead"), Step: 1, Permille: 250, Rev: staged.Rev, By: requester})

	admitted := twice[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.2.0", "r3"))
	require.Equal(t, contract.BeginOutput{Admitted: true, Production: "1.0.0", ProductionDigest: digestOf("1.0.0")}, admitted)
	route, err := b.catalog.Route(t.Context(), model)
	require.NoError(t, err)
	require.Empty(t, route.Canary, "no request goes to a canary that nobody watches")
	require.Zero(t, route.CanaryPermille)
	require.Equal(t, "1.0.0", route.Stable)
	require.Equal(t, catalog.StageRejected, b.stage("1.1.0"))
	dead := b.attempt("1.1.0")
	require.False(t, dead.Active())
	require.Equal(t, string(contract.OutcomeFailed), dead.Outcome)
	require.Contains(t, dead.Reason, "without clean-up")
	active, err := b.catalog.ActiveRelease(t.Context(), model)
	require.NoError(t, err)
	require.Equal(t, "1.2.0", active.Version)
}

// A start of the same version after its workflow was terminated is another attempt.
func TestBeginAgainAfterTermination(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("1.0.0", "dead")
	require.True(t, twice[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "r2")).Admitted)
	require.Equal(t, "r2", b.attempt("1.0.0").Run)
	require.Equal(t, catalog.StageRejected, b.stage("1.0.0"))
	require.True(t, b.register("1.0.0", "r2").Existed)
	require.Equal(t, catalog.StageStaging, b.stage("1.0.0"), "a new attempt stages it again")
}

// Two releases find the same dead holder: the one that comes second is refused, it does not fail.
func TestBeginLosesTheRaceForTheDead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.0.0", "dead"))
	rival := contract.ReleaseID(model, "1.1.0")
	b.running.alive[rival] = true
	b.running.asked = func(workflowID string) {
		if workflowID == rival {
			return
		}
		b.running.asked = nil
		require.True(t, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r2")).Admitted)
	}
	require.Equal(t, contract.BeginOutput{Holder: rival}, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.2.0", "r3")))
	require.True(t, b.attempt("1.1.0").Active())
}

func TestRegister(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r1"))
	in := contract.RegisterInput{
		Key: key("1.1.0", "r1"), Model: b.release("1.1.0").Model, Data: b.dataVersion("1.1.0", "r1"), RequestedBy: requester,
		Metrics: map[string]float64{"accuracy": 0.9}, Quality: map[string]float64{"completeness": 0.97}, Sensitive: []string{"sex", "age"},
		Evidence: []contract.Evidence{{Suite: "tests", Passed: true, Report: contract.Report{Digest: "sha256:report", Page: "sha256:page"}}},
	}
	registered := twice[contract.ModelVersion](b, contract.ActivityRegister, in)
	require.False(t, registered.Existed)
	require.EqualValues(t, 1, registered.Number)
	m, err := b.catalog.Model(t.Context(), model, "1.1.0")
	require.NoError(t, err)
	require.Equal(t, registered.ID, m.ID)
	require.Equal(t, catalog.StageStaging, m.Stage)
	require.InDelta(t, 0.9, m.Metrics["accuracy"], 0)
	require.InDelta(t, 0.97, m.Metrics["completeness"], 0, "the quality of the data is on record with the model")
	require.Len(t, m.Evidence, 1, "a second run adds no second evidence")
	require.Equal(t, "sha256:page", m.Evidence[0].Page)
	var config gateway.ModelConfig
	require.NoError(t, json.Unmarshal(m.Config, &config))
	require.Equal(t, in.Sensitive, config.Sensitive, "the gateway learns what it must not log")
	require.Equal(t, in.Model.Artifact, config.Model.Artifact)
	uses, err := b.catalog.DataUses(t.Context(), in.Data.Digest)
	require.NoError(t, err)
	require.Len(t, uses, 1)
	require.Equal(t, registered.ID, uses[0].ModelID)
	require.Equal(t, in.Key.String(), uses[0].Release)

	other := in
	other.Key.Run, other.Model.Artifact.Digest = "r2", digestOf("other")
	_, err = try[contract.ModelVersion](b, contract.ActivityRegister, other)
	final(t, err, contract.ErrConflict, "new version")
	in.Key.Run, in.Data.Digest = "r3", "sha256:unknown"
	_, err = try[contract.ModelVersion](b, contract.ActivityRegister, in)
	final(t, err, contract.ErrNotFound, "sha256:unknown")
}

func TestNoteGate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r1"))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	gate := contract.GateReport{Gate: contract.GateData, State: contract.GatePassed, Started: &at, Ended: &at, Summary: "1000 rows", Report: "sha256:r"}
	twice[contract.Empty](b, contract.ActivityNoteGate, contract.NoteGateInput{Key: key("1.1.0", "r1"), Gate: gate})
	require.Equal(t, "gate.passed", b.last().Action)
	require.Equal(t, "1000 rows", b.last().Reason)
	var gates []contract.GateReport
	require.NoError(t, json.Unmarshal(b.attempt("1.1.0").Gates, &gates))
	require.Equal(t, []contract.GateReport{gate}, gates)

	_, err := try[contract.Empty](b, contract.ActivityNoteGate, contract.NoteGateInput{Key: key("1.1.0", "unknown"), Gate: gate})
	final(t, err, contract.ErrNotFound, "unknown")
}

func TestFinish(t *testing.T) {
	t.Parallel()
	finish := func(b *bench, outcome contract.Outcome) contract.FinishInput {
		return contract.FinishInput{Key: key("1.1.0", "r1"), Outcome: outcome, Reason: "because", By: "bob"}
	}
	for outcome, stage := range map[contract.Outcome]string{
		contract.OutcomeProduction: catalog.StageStaging, // promotion moves it, not this
		contract.OutcomeRejected:   catalog.StageRejected,
		contract.OutcomeRolledBack: catalog.StageRejected,
		contract.OutcomeFailed:     catalog.StageRejected,
	} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.register("1.1.0", "r1")
			twice[contract.Empty](b, contract.ActivityFinish, finish(b, outcome))
			require.Equal(t, stage, b.stage("1.1.0"))
			r := b.attempt("1.1.0")
			require.Equal(t, string(outcome), r.Outcome)
			require.Equal(t, "because", r.Reason)
			require.Equal(t, "bob", b.last().Actor)
			require.True(t, do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.2.0", "r2")).Admitted, "the model is free")
		})
	}
	t.Run("before a model was registered", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r1"))
		twice[contract.Empty](b, contract.ActivityFinish, finish(b, contract.OutcomeFailed))
		require.Len(t, b.events(), 2)
	})
	t.Run("leaves production alone", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.canary("1.1.0", "r1")
		do[contract.RouteOutput](b, contract.ActivityPromote, contract.PromoteInput{Key: key("1.1.0", "r1"), Rev: b.route().Rev, By: requester, Reason: "passed"})
		twice[contract.Empty](b, contract.ActivityFinish, finish(b, contract.OutcomeFailed))
		require.Equal(t, catalog.StageProduction, b.stage("1.1.0"))
	})
	t.Run("not with another outcome", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.register("1.1.0", "r1")
		do[contract.Empty](b, contract.ActivityFinish, finish(b, contract.OutcomeRejected))
		_, err := try[contract.Empty](b, contract.ActivityFinish, finish(b, contract.OutcomeFailed))
		final(t, err, contract.ErrConflict, "rejected")
	})
}
