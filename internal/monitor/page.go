package monitor

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/stats"
)

//go:embed page.html
var pageSource string

// HTML is the report as one page that needs nothing else: the verdict first,
// then the service, then each feature with a histogram, drifted ones on top.
func (r Report) HTML() ([]byte, error) {
	page, err := template.New("monitor").Funcs(template.FuncMap{
		"num":       number,
		"percent":   func(v float64) string { return fmt.Sprintf("%.2g %%", 100*v) },
		"time":      func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"histogram": histogram,
		"verdict":   verdict,
	}).Parse(pageSource)
	if err != nil {
		return nil, fmt.Errorf("read the monitoring page: %w", err)
	}
	r.Result.Features = slices.Clone(r.Result.Features)
	slices.SortStableFunc(r.Result.Features, func(a, b Feature) int {
		if a.Drifted != b.Drifted {
			if a.Drifted {
				return -1
			}
			return 1
		}
		return compareFloat(b.PSI.Score, a.PSI.Score)
	})
	var out bytes.Buffer
	if err := page.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("write the monitoring page of %s/%s: %w", r.Model, r.Version, err)
	}
	return out.Bytes(), nil
}

func verdict(state string) string {
	switch state {
	case contract.MonitorDrift:
		return "Drift"
	case contract.MonitorTooFew:
		return "Too few samples"
	}
	return "No drift"
}

func number(v float64) string {
	if v != 0 && (math.Abs(v) < 0.001 || math.Abs(v) >= 1e6) {
		return fmt.Sprintf("%.2e", v)
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
}

// histogram draws the share of each bin, reference beside current.
func histogram(bins []stats.Bin) template.HTML {
	const width, height, gap = 340.0, 64.0, 2.0
	if len(bins) == 0 {
		return ""
	}
	ref, cur, top := 0, 0, 0.0
	for _, b := range bins {
		ref, cur = ref+b.Reference, cur+b.Current
	}
	share := func(k, n int) float64 {
		if n == 0 {
			return 0
		}
		return float64(k) / float64(n)
	}
	for _, b := range bins {
		top = max(top, share(b.Reference, ref), share(b.Current, cur))
	}
	if top == 0 {
		return ""
	}
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg viewBox="0 0 %g %g" role="img" aria-label="share of values per bin">`, width, height)
	slot := width / float64(len(bins))
	bar := max((slot-gap)/2, 0.5)
	for i, b := range bins {
		for j, s := range []struct {
			share float64
			class string
			count int
		}{{share(b.Reference, ref), "ref", b.Reference}, {share(b.Current, cur), "cur", b.Current}} {
			h := s.share / top * height
			fmt.Fprintf(&svg, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: %d (%.1f %%)</title></rect>`,
				s.class, float64(i)*slot+float64(j)*bar, height-h, bar, h, template.HTMLEscapeString(b.Label), s.count, 100*s.share)
		}
	}
	svg.WriteString("</svg>")
	return template.HTML(svg.String()) //nolint:gosec // built here from numbers; the labels are escaped
}
