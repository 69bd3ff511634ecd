package catalog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

func attempt(version, run string) catalog.Release {
	return catalog.Release{Model: "m", Version: version, Run: run, WorkflowID: "release/m/" + version, RequestedBy: "ann", Candidate: digestOf("m", version)}
}

func TestReleaseLife(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		_, err := c.ActiveRelease(ctx, "m")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		begun, err := c.BeginRelease(ctx, attempt("1.0.0", "run1"), mark("begin"))
		require.NoError(t, err)
		require.Equal(t, catalog.OutcomeRunning, begun.Outcome)
		require.True(t, begun.Active())
		require.JSONEq(t, "[]", string(begun.Gates))

		// The same attempt again, by the same key or another, is the same release.
		for _, key := range []string{"begin", "begin again"} {
			again, err := c.BeginRelease(ctx, attempt("1.0.0", "run1"), mark(key))
			require.NoError(t, err)
			require.Equal(t, begun, again)
		}
		_, err = c.BeginRelease(ctx, attempt("1.1.0", "run2"), mark("begin2"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		var held *catalog.HeldError
		require.ErrorAs(t, err, &held)
		require.Equal(t, begun, held.Holder)
		require.Len(t, events(t, c), 1)

		active, err := c.ActiveRelease(ctx, "m")
		require.NoError(t, err)
		require.Equal(t, begun, active)

		for range 2 {
			require.NoError(t, c.FinishRelease(ctx, "m", "1.0.0", "run1", "failed", "tests failed", mark("finish")))
		}
		require.NoError(t, c.FinishRelease(ctx, "m", "1.0.0", "run1", "failed", "tests failed", mark("finish by another key")))
		require.ErrorIs(t, c.FinishRelease(ctx, "m", "1.0.0", "run1", "production", "", mark("finish else")), catalog.ErrConflict)
		require.ErrorIs(t, c.FinishRelease(ctx, "m", "1.0.0", "run1", "running", "", mark("x")), catalog.ErrInvalid)
		require.ErrorIs(t, c.FinishRelease(ctx, "m", "1.0.0", "run9", "failed", "", mark("y")), catalog.ErrNotFound)
		require.Len(t, events(t, c), 2)

		second, err := c.BeginRelease(ctx, attempt("1.0.0", "run3"), mark("begin3"))
		require.NoError(t, err)
		latest, err := c.Release(ctx, "m", "1.0.0")
		require.NoError(t, err)
		require.Equal(t, second, latest)

		all, err := c.Releases(ctx, catalog.ReleaseFilter{Model: "m"})
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, "run3", all[0].Run)
		require.Equal(t, "tests failed", all[1].Reason)
		require.NotNil(t, all[1].EndedAt)
		for filter, want := range map[catalog.ReleaseFilter]int{
			{Active: true}: 1, {Outcome: "failed"}: 1, {Outcome: "production"}: 0, {Limit: 1}: 1, {Model: "other"}: 0,
		} {
			got, err := c.Releases(ctx, filter)
			require.NoError(t, err)
			require.Len(t, got, want, "%+v", filter)
		}
		_, err = c.Release(ctx, "m", "9")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		intact(t, c)
	})
}

func TestAbandonRelease(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		dead, err := c.BeginRelease(ctx, attempt("1.0.0", "run1"), mark("begin1"))
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, c.AbandonRelease(ctx, dead, "its workflow is gone", mark("abandon")))
		}
		_, err = c.BeginRelease(ctx, attempt("1.0.0", "run2"), mark("begin2"))
		require.NoError(t, err)
		require.NoError(t, c.AbandonRelease(ctx, dead, "late", mark("abandon late")), "its attempt has ended: nothing to do")
		active, err := c.ActiveRelease(ctx, "m")
		require.NoError(t, err)
		require.Equal(t, "run2", active.Run)
		all := events(t, c)
		require.Len(t, all, 3)
		require.Equal(t, catalog.ActionReleaseAbandoned, all[1].Action)
	})
}

func TestNoteGate(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		_, err := c.BeginRelease(ctx, attempt("1.0.0", "run1"), mark("begin"))
		require.NoError(t, err)
		note := func(gate, report, key string) error {
			return c.NoteGate(ctx, "m", "1.0.0", "run1", gate, json.RawMessage(report), mark(key))
		}
		require.NoError(t, note("data", `{"gate":"data","state":"running"}`, "1"))
		require.NoError(t, note("tests", `{"gate":"tests","state":"running"}`, "2"))
		require.NoError(t, note("data", `{"gate":"data","state":"passed","summary":"5 < 6"}`, "3"))
		require.NoError(t, note("data", `{"gate":"data","state":"passed","summary":"5 < 6"}`, "3"))
		require.ErrorIs(t, note("data", `{"gate":"tests","state":"passed"}`, "4"), catalog.ErrInvalid)
		require.ErrorIs(t, note("data", `{"gate":"data"}`, "5"), catalog.ErrInvalid)
		require.ErrorIs(t, note("data", `[`, "6"), catalog.ErrInvalid)
		require.ErrorIs(t, c.NoteGate(ctx, "m", "1.0.0", "run9", "data", json.RawMessage(`{"gate":"data","state":"passed"}`), mark("7")), catalog.ErrNotFound)

		got, err := c.Release(ctx, "m", "1.0.0")
		require.NoError(t, err)
		require.Equal(t, `[{"gate":"data","state":"passed","summary":"5 < 6"},{"gate":"tests","state":"running"}]`, string(got.Gates))
		log, err := c.Events(ctx, catalog.EventFilter{Subject: catalog.ReleaseSubject("m", "1.0.0"), Action: "gate.passed"})
		require.NoError(t, err)
		require.Len(t, log, 1)
		require.Equal(t, int64(4), intact(t, c))
	})
}

// TestOneActiveRelease lets 30 attempts race for one model.
func TestOneActiveRelease(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		handles := []*catalog.Catalog{open(), open()}
		errs := make([]error, 30)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = handles[i%2].BeginRelease(t.Context(), attempt(fmt.Sprint("1.", i), "run"), mark(fmt.Sprint(i)))
			})
		}
		wg.Wait()
		active, err := handles[0].ActiveRelease(t.Context(), "m")
		require.NoError(t, err)
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			var held *catalog.HeldError
			require.True(t, errors.As(err, &held), "%v", err)
			require.Equal(t, active, held.Holder)
		}
		require.Equal(t, 1, won)
		require.Equal(t, int64(1), intact(t, handles[0]))
	})
}
