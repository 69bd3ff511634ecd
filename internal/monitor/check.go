package monitor

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// Result is what one window says.
type Result struct {
	// State is contract.MonitorOK, MonitorDrift or MonitorTooFew.
	State   string `json:"state"`
	Summary string `json:"summary"`
	// Rule says in words when a feature counts as drifted.
	Rule      string    `json:"rule"`
	Samples   int       `json:"samples"`
	Reference int       `json:"reference"`
	Drifted   []string  `json:"drifted,omitempty"`
	Features  []Feature `json:"features,omitempty"`
	// Skipped tells why a column was not compared.
	Skipped map[string]string `json:"skipped,omitempty"`
}

// ErrNoReference is returned when there is nothing to compare with.
var ErrNoReference = errors.New("the reference holds no rows: name a table with rows as data.reference or data.train")

// Check compares the current columns with the reference's. The reference
// decides whether a feature is numeric or categorical.
func Check(ref, cur map[string]Column, cfg spec.Monitor) (Result, error) {
	out := Result{State: contract.MonitorOK, Rule: rule(cfg), Skipped: map[string]string{}}
	for _, c := range ref {
		out.Reference = max(out.Reference, c.Len())
	}
	for _, c := range cur {
		out.Samples = max(out.Samples, c.Len())
	}
	if out.Reference == 0 {
		return Result{}, ErrNoReference
	}
	if out.Samples < max(cfg.MinSamples, 1) {
		out.State = contract.MonitorTooFew
		out.Summary = fmt.Sprintf("%d of at least %d predictions: too few to compare", out.Samples, max(cfg.MinSamples, 1))
		return out, nil
	}
	for _, name := range slices.Sorted(maps.Keys(ref)) {
		current, ok := cur[name]
		if why := skip(ref[name], current, ok); why != "" {
			out.Skipped[name] = why
			continue
		}
		f, err := compare(name, ref[name], current, cfg)
		if err != nil {
			return Result{}, fmt.Errorf("compare feature %s: %w", name, err)
		}
		out.Features = append(out.Features, f)
	}
	for name := range cur {
		if _, ok := ref[name]; !ok {
			out.Skipped[name] = "not in the reference"
		}
	}
	if err := decide(out.Features, cfg); err != nil {
		return Result{}, err
	}
	for _, f := range out.Features {
		if f.Drifted {
			out.Drifted = append(out.Drifted, f.Name)
		}
	}
	out.Summary = summary(out)
	if len(out.Drifted) > 0 {
		out.State = contract.MonitorDrift
	}
	return out, nil
}

func skip(ref, cur Column, ok bool) string {
	switch {
	case !ok:
		return "not logged"
	case ref.Len() == 0:
		return "no values in the reference"
	case cur.Len() == 0:
		return "no values in the window"
	}
	return ""
}

// decide corrects the p-values for the number of features and applies the
// rule: the Kolmogorov-Smirnov tests are one family, the stability indices another.
func decide(features []Feature, cfg spec.Monitor) error {
	var ks, psi []float64
	for _, f := range features {
		if f.KS != nil {
			ks = append(ks, f.KS.P)
		}
		psi = append(psi, f.PSI.P)
	}
	ksAdjusted, err := stats.Holm(ks)
	if err != nil {
		return fmt.Errorf("correct the Kolmogorov-Smirnov tests: %w", err)
	}
	psiAdjusted, err := stats.Holm(psi)
	if err != nil {
		return fmt.Errorf("correct the stability indices: %w", err)
	}
	for i := range features {
		f := &features[i]
		f.PSI.Adjusted = psiAdjusted[i]
		f.PSI.Drifted = f.PSI.Score > cfg.PSILimit && f.PSI.Adjusted <= cfg.KSAlpha
		f.Score, f.P, f.Drifted = f.PSI.Score, f.PSI.Adjusted, f.PSI.Drifted
		if f.KS != nil {
			f.KS.Adjusted, ksAdjusted = ksAdjusted[0], ksAdjusted[1:]
			f.KS.Drifted = f.KS.Adjusted <= cfg.KSAlpha
			f.Score, f.P = f.KS.Score, f.KS.Adjusted
			f.Drifted = f.Drifted || f.KS.Drifted
		}
	}
	return nil
}

func rule(cfg spec.Monitor) string {
	return fmt.Sprintf("A numeric feature has drifted when its Kolmogorov-Smirnov test, corrected by Holm over the features, has p <= %g; "+
		"any feature has drifted when its population stability index (%d bins) is above %g and its p-value, corrected likewise, is <= %g.",
		cfg.KSAlpha, bins(cfg), cfg.PSILimit, cfg.KSAlpha)
}

func summary(r Result) string {
	if len(r.Features) == 0 {
		return fmt.Sprintf("%d predictions, but no logged feature is in the reference: nothing was compared", r.Samples)
	}
	if len(r.Drifted) == 0 {
		return fmt.Sprintf("no drift: %d features of %d predictions compared with %d reference rows", len(r.Features), r.Samples, r.Reference)
	}
	worst := slices.Clone(r.Features)
	slices.SortStableFunc(worst, func(a, b Feature) int {
		if a.Drifted != b.Drifted {
			if a.Drifted {
				return -1
			}
			return 1
		}
		return compareFloat(b.PSI.Score, a.PSI.Score)
	})
	const most = 3
	names := make([]string, 0, most)
	for _, f := range worst[:min(most, len(r.Drifted))] {
		names = append(names, fmt.Sprintf("%s (PSI %.2f)", f.Name, f.PSI.Score))
	}
	more := ""
	if n := len(r.Drifted) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("drift in %d of %d features over %d predictions: %s%s", len(r.Drifted), len(r.Features), r.Samples, strings.Join(names, ", "), more)
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func bins(cfg spec.Monitor) int { return max(cfg.PSIBins, 2) }

// present is the column without missing values.
func present(x []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(x), math.IsNaN)
}
