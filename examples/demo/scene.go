package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/slipway-ml/slipway/examples/live"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/stack"
)

const model = "credit-risk"

// scene is one release and how it should end.
type scene struct {
	version string
	tells   string
	exit    int
	outcome contract.Outcome
	stopsAt contract.Gate // where it stops; empty: nowhere
	approve bool
	// maxErrors is the largest share of errors the client may see while the release runs.
	maxErrors float64
}

func scenes() []scene {
	return []scene{
		{version: "1.0.0", tells: "the first version", outcome: contract.OutcomeProduction},
		{version: "1.1.0", tells: "a better model, approved by bob", outcome: contract.OutcomeProduction, approve: true},
		{version: "1.2.0", tells: "trained on shuffled labels", exit: 3, outcome: contract.OutcomeFailed, stopsAt: contract.GateTests},
		{version: "1.3.0", tells: "fails in service", exit: 4, outcome: contract.OutcomeRolledBack, stopsAt: contract.GateCanary, maxErrors: 0.25},
	}
}

// result is how a release ended and what is wrong with that.
type result struct {
	scene    scene
	status   contract.ReleaseStatus
	seen     live.Count
	problems []error
}

// release runs one scene and checks its end.
func (d *daemon) release(ctx context.Context, s scene, c *live.Client) (result, error) {
	fmt.Printf("\n%s %s: %s\n", model, s.version, s.tells)
	r := result{scene: s}
	before := c.Total()
	spec := filepath.Join("examples", "credit-risk", "release-"+s.version+".yaml")
	if _, err := d.must(ctx, "release", "start", "-f", spec, "--as", "alice"); err != nil {
		return r, err
	}
	if s.approve {
		if err := d.approve(ctx, s.version); err != nil {
			return r, err
		}
	}
	out, code, err := d.slipway(ctx, "release", "watch", model+"/"+s.version)
	if err != nil {
		return r, err
	}
	fmt.Print(string(out))
	if r.status, err = d.status(ctx, s.version); err != nil {
		return r, err
	}
	r.seen = c.Total().Minus(before)
	r.check(code)
	if s.maxErrors > 0 {
		r.checkQuiet(ctx, c)
	}
	return r, nil
}

// approve waits until the release asks for it, then approves as somebody else than who asked.
func (d *daemon) approve(ctx context.Context, version string) error {
	for {
		status, err := d.status(ctx, version)
		if err != nil {
			return err
		}
		if status.Waiting != "" {
			break
		}
		if status.Outcome != contract.OutcomeRunning {
			return fmt.Errorf("%s ended before it asked for an approval: %s", version, status.Reason)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	out, err := d.must(ctx, "approve", model+"/"+version, "--as", "bob", "--reason", "better than 1.0.0 on the test rows")
	fmt.Print(string(out))
	return err
}

func (d *daemon) status(ctx context.Context, version string) (contract.ReleaseStatus, error) {
	var status contract.ReleaseStatus
	out, err := d.must(ctx, "release", "show", model+"/"+version, "-o", "json")
	if err != nil {
		return status, err
	}
	err = json.Unmarshal(out, &status)
	return status, err
}

func (r *result) check(code int) {
	s := r.scene
	fault := func(format string, args ...any) {
		r.problems = append(r.problems, fmt.Errorf("%s: %s", s.version, fmt.Sprintf(format, args...)))
	}
	if code != s.exit {
		fault("exit code %d, want %d", code, s.exit)
	}
	if r.status.Outcome != s.outcome {
		fault("ended %s (%s), want %s", r.status.Outcome, r.status.Reason, s.outcome)
	}
	for _, g := range r.status.Gates {
		if g.State == contract.GateStopped && g.Gate != s.stopsAt {
			fault("stopped at gate %s: %s", g.Gate, g.Summary)
		}
	}
	if n := r.seen.OK + r.seen.Failed; n > 0 && float64(r.seen.Failed) > s.maxErrors*float64(n) {
		fault("the client saw %d errors in %d answers, want at most %g %%", r.seen.Failed, n, 100*s.maxErrors)
	}
}

// checkQuiet makes sure that no error follows a rollback.
func (r *result) checkQuiet(ctx context.Context, c *live.Client) {
	const (
		settle = time.Second // the gateway takes the route up within its poll interval
		watch  = 3 * time.Second
	)
	select {
	case <-ctx.Done():
		return
	case <-time.After(settle):
	}
	before := c.Total()
	select {
	case <-ctx.Done():
		return
	case <-time.After(watch):
	}
	if after := c.Total().Minus(before); after.Failed > 0 || after.OK == 0 {
		r.problems = append(r.problems, fmt.Errorf("%s: after the rollback %d errors and %d answers in %s, want no error", r.scene.version, after.Failed, after.OK, watch))
	}
}

// printTable prints each gate of each release with its duration, verdict and links.
func printTable(w io.Writer, s stack.Stack, results []result) {
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "RELEASE\tGATE\tDURATION\tVERDICT\tWHY")
	for _, r := range results {
		for _, g := range r.status.Gates {
			if g.State == contract.GatePending {
				continue
			}
			took := "-"
			if g.Started != nil && g.Ended != nil {
				took = fmt.Sprintf("%.1f s", g.Ended.Sub(*g.Started).Seconds())
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.scene.version, g.Gate, took, g.State, short(g.Summary))
		}
	}
	table.Flush()
	fmt.Fprintln(w)
	fmt.Fprintln(table, "RELEASE\tOUTCOME\tREPORT\tTEMPORAL UI")
	for _, r := range results {
		id := contract.ReleaseID(model, r.scene.version)
		fmt.Fprintf(table, "%s\t%s\t%s/releases/%s/%s\t%s/namespaces/default/workflows/%s\n",
			r.scene.version, r.status.Outcome, s.Control, model, r.scene.version, s.UI, url.PathEscape(id))
	}
	table.Flush()
}

func short(text string) string {
	const limit = 110
	if text = strings.ReplaceAll(text, "\n", " "); len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
