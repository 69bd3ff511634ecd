package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

func TestReleaseToProduction(t *testing.T) {
	t.Parallel()
	w := running(t)
	file := specFile(t, "good", "1.0.0", canaryOf("20ms"))
	out, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice", "--watch")
	require.Zero(t, code, out+errs)
	for _, want := range []string{"started release good/1.0.0", "/releases/good/1.0.0", "http://ui.test/namespaces/default/workflows/release%2Fgood%2F1.0.0",
		"tests passed in ", "accuracy 0.78", "canary passed", "good/1.0.0: production: good 1.0.0 is in production"} {
		require.Contains(t, out, want)
	}

	out, _, code = w.cli(t, "release", "watch", "good/1.0.0")
	require.Zero(t, code, "a release that has ended is told at once")
	require.Contains(t, out, "production")
	out, _, code = w.cli(t, "release", "show", "good/1.0.0")
	require.Zero(t, code)
	require.Contains(t, out, "accuracy 0.78")
	out, _, code = w.cli(t, "release", "list", "--model", "good")
	require.Zero(t, code)
	require.Contains(t, out, "good/1.0.0")

	_, errs, code = w.cli(t, "release", "start", "-f", file, "--as", "alice")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "already in production")
	_, errs, code = w.cli(t, "release", "abort", "good/1.0.0", "--reason", "late", "--as", "alice")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "not under way")
}

func TestReleaseStoppedByAGate(t *testing.T) {
	t.Parallel()
	w := running(t)
	file := specFile(t, "weak", "1.0.0", "")
	for range 2 { // one that failed can be started again
		out, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice", "--watch", "-o", "json")
		require.Equal(t, codeStopped, code, out+errs)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		var last view
		require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
		require.Equal(t, contract.OutcomeFailed, last.Outcome)
		require.Contains(t, last.Reason, "accuracy 0.41 is below 0.65")
		require.Equal(t, contract.GateStopped, last.gate(contract.GateTests).State)
	}
}

func TestReleaseRolledBack(t *testing.T) {
	t.Parallel()
	w := running(t)
	out, errs, code := w.cli(t, "release", "start", "-f", specFile(t, "slow", "1.0.0", canaryOf("1h")), "--as", "alice", "--watch")
	require.Equal(t, codeRolledBack, code, out+errs)
	require.Contains(t, out, "slow/1.0.0: rolled_back: latency is 3 times production's")
}

// until waits until the release's status, as show gives it, is as wanted.
func (w *world) until(t *testing.T, name string, ok func(view) bool) (v view) {
	t.Helper()
	require.Eventually(t, func() bool {
		out, _, code := w.cli(t, "release", "show", name, "-o", "json")
		return code == 0 && json.Unmarshal([]byte(out), &v) == nil && ok(v)
	}, time.Minute, 50*time.Millisecond)
	return v
}

func TestReleaseIsApprovedAndSteered(t *testing.T) {
	t.Parallel()
	w := running(t)
	const name = "credit/1.1.0"
	file := specFile(t, "credit", "1.1.0", canaryOf("1h")+"approvals: {required: 1, approvers: [{name: bob}]}\n")
	out, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice", "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, `"workflow_id":"release/credit/1.1.0"`)
	w.until(t, name, func(v view) bool { return v.Compliance != nil && v.Compliance.Waiting != "" })

	_, errs, code = w.cli(t, "release", "start", "-f", file, "--as", "alice")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "already running: slipway release watch credit/1.1.0")
	_, errs, code = w.cli(t, "release", "start", "-f", specFile(t, "credit", "1.2.0", ""), "--as", "alice")
	require.Equal(t, codeStopped, code)
	require.Contains(t, errs, "release/credit/1.1.0 by alice is under way")

	_, errs, code = w.cli(t, "approve", name, "--as", "alice", "--reason", "mine")
	require.Equal(t, codeError, code, "who asked does not count")
	require.Contains(t, errs, "ignored")
	_, errs, code = w.cli(t, "approve", name, "--as", "bob", "--reason", "fine", "--candidate", digest("another"))
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "review it first")
	out, errs, code = w.cli(t, "approve", name, "--as", "bob", "--reason", "fine")
	require.Zero(t, code, errs)
	for _, want := range []string{digest("model credit1.1.0"), "3 of 3 policies", "approve of credit/1.1.0 by bob is accepted (identity unverified)"} {
		require.Contains(t, out, want)
	}

	w.until(t, name, func(v view) bool { return v.Canary != nil && v.Canary.Permille == 200 && v.Canary.Last != nil })
	_, errs, code = w.cli(t, "release", "pause", name, "--as", "mallory", "--reason", "why not")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "may not pause")
	out, errs, code = w.cli(t, "release", "pause", name, "--as", "bob", "--reason", "lunch", "-o", "json")
	require.Zero(t, code, errs)
	var answer sent
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Equal(t, "accepted", answer.State)
	_, errs, code = w.cli(t, "approve", name, "--as", "bob", "--reason", "again")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "no approval is awaited")
	_, errs, code = w.cli(t, "release", "resume", name, "--as", "bob", "--reason", "back")
	require.Zero(t, code, errs)
	_, errs, code = w.cli(t, "release", "resume", name, "--as", "bob", "--reason", "back")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "not paused")
	out, _, _ = w.cli(t, "release", "show", name)
	require.Contains(t, out, "look ")
	require.Contains(t, out, "may not pause")
	_, errs, code = w.cli(t, "release", "promote", name, "--as", "alice", "--reason", "seen enough")
	require.Zero(t, code, errs)
	_, errs, code = w.cli(t, "release", "watch", name)
	require.Zero(t, code, errs)
}

func TestReleaseIsRejectedOrAborted(t *testing.T) {
	t.Parallel()
	w := running(t)
	for _, c := range []struct {
		model string
		args  []string
		says  string
	}{
		{"refused", []string{"reject"}, "rejected by bob: no"},
		{"stopped", []string{"release", "abort"}, "aborted by bob: no"},
	} {
		name := c.model + "/1.0.0"
		_, errs, code := w.cli(t, "release", "start", "-f", specFile(t, c.model, "1.0.0", "approvals: {required: 1, approvers: [{name: bob}]}\n"), "--as", "alice")
		require.Zero(t, code, errs)
		w.until(t, name, func(v view) bool { return v.Compliance != nil && v.Compliance.Waiting != "" })
		_, errs, code = w.cli(t, append(c.args, name, "--as", "bob", "--reason", "no")...)
		require.Zero(t, code, errs)
		out, _, code := w.cli(t, "release", "watch", name)
		require.Equal(t, codeStopped, code)
		require.Contains(t, out, c.says)
	}
}

func TestDecisionsAreSigned(t *testing.T) {
	t.Parallel()
	w := running(t)
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	key := filepath.Join(t.TempDir(), "bob.pem")
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))

	const name = "signed/1.0.0"
	file := specFile(t, "signed", "1.0.0", canaryOf("1h")+"approvals: {required: 1, approvers: [{name: bob, key: "+base64.StdEncoding.EncodeToString(public)+"}]}\n")
	_, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice")
	require.Zero(t, code, errs)
	w.until(t, name, func(v view) bool { return v.Compliance != nil && v.Compliance.Waiting != "" })
	_, errs, code = w.cli(t, "approve", name, "--as", "bob", "--reason", "fine")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "not signed")
	out, errs, code := w.cli(t, "approve", name, "--as", "bob", "--reason", "fine", "--key", key)
	require.Zero(t, code, errs)
	require.Contains(t, out, "identity verified")
	w.until(t, name, func(v view) bool { return v.Canary != nil && v.Canary.Permille == 200 })
	_, errs, code = w.cli(t, "release", "abort", name, "--as", "bob", "--reason", "enough", "--key", key)
	require.Zero(t, code, errs)
	_, _, code = w.cli(t, "release", "watch", name)
	require.Equal(t, codeStopped, code)
}

func TestDryRunPrintsTheWorkflowsInput(t *testing.T) {
	t.Parallel()
	w := running(t)
	file := specFile(t, "dry", "1.0.0", "")
	for range 2 { // the second finds the blobs in the store
		out, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice", "--dry-run", "-o", "json")
		require.Zero(t, code, errs)
		var in contract.ReleaseInput
		require.NoError(t, json.Unmarshal([]byte(out), &in))
		require.Equal(t, "alice", in.RequestedBy)
		require.Equal(t, digest("model dry1.0.0"), in.Spec.Model.Artifact.Digest)
		require.Equal(t, int64(len("model dry1.0.0")), in.Spec.Model.Artifact.Size)
		require.Equal(t, in.Spec.Data.Train, in.Spec.Data.Reference)
	}
	out, _, code := w.cli(t, "release", "start", "-f", file, "--dry-run")
	require.Zero(t, code)
	require.Contains(t, out, "temporal workflow start --type slipway.Release --task-queue slipway --workflow-id release/dry/1.0.0")
	_, errs, code := w.cli(t, "release", "show", "dry/1.0.0")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "does not exist")
	_, errs, code = w.cli(t, "release", "watch", "dry/1.0.0")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "does not exist")
	_, errs, code = w.cli(t, "approve", "dry/1.0.0", "--reason", "x")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "does not exist")
}

func TestShowFallsBackToTheCatalog(t *testing.T) {
	t.Parallel()
	w := running(t)
	_, errs, code := w.cli(t, "release", "start", "-f", specFile(t, "kept", "1.0.0", canaryOf("20ms")), "--as", "alice", "--watch")
	require.Zero(t, code, errs)
	out, errs, code := w.cli(t, "release", "show", "kept/1.0.0", "-o", "json", "--temporal", "127.0.0.1:1")
	require.Zero(t, code, errs)
	require.Contains(t, errs, "from the catalog")
	var v view
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.Equal(t, fromCatalog, v.Source)
	require.Equal(t, contract.OutcomeProduction, v.Outcome)
	require.Equal(t, contract.GatePassed, v.gate(contract.GateTests).State)
	require.Len(t, v.Gates, len(contract.Gates()))
}

func TestModelsAndDataAreShown(t *testing.T) {
	t.Parallel()
	w := running(t)
	files := []catalog.DataFile{{Path: "train.csv", Role: "train", Digest: digest("t"), Size: 1500}}
	data, _, err := w.catalog.SaveData(t.Context(), catalog.DataVersion{Name: "shown", Digest: digest("shown"), Files: files}, catalog.Mark{Key: "shown data", Actor: "alice"})
	require.NoError(t, err)
	_, _, err = w.catalog.RegisterModel(t.Context(), catalog.Model{Name: "shown", Version: "1.0.0", Digest: digest("m"), DataDigest: data.Digest, Metrics: map[string]float64{"accuracy": .78}, CreatedBy: "alice"},
		[]catalog.Evidence{{Suite: "model", Passed: true, Report: digest("r")}}, catalog.Mark{Key: "shown model", Actor: "alice"})
	require.NoError(t, err)
	require.NoError(t, w.catalog.LinkData(t.Context(), data.Digest, "shown/1.0.0", ""))
	for args, want := range map[string][]string{
		"model list --name shown":  {"shown/1.0.0", "staging", "alice"},
		"model show shown/1.0.0":   {data.Digest, "accuracy", "0.78", "passed", "/reports/" + digest("r")},
		"data list --name shown":   {"shown@1", "1.5 kB"},
		"data show shown":          {"train.csv", digest("t"), "shown/1.0.0"},
		"data show " + data.Digest: {"train.csv"},
	} {
		out, errs, code := w.cli(t, strings.Fields(args)...)
		require.Zero(t, code, errs)
		for _, text := range want {
			require.Contains(t, out, text, args)
		}
		out, errs, code = w.cli(t, append(strings.Fields(args), "-o", "json")...)
		require.Zero(t, code, errs)
		require.True(t, json.Valid([]byte(out)), args)
	}
	_, errs, code := w.cli(t, "model", "show", "shown/9")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "slipway model list")
}
