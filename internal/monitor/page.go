package monitor

import (
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/page"
	"github.com/slipway-ml/slipway/internal/stats"
)

//go:embed page.html
var pageSource string

// HTML is the report as one page that needs nothing else: the verdict first,
// then the service, then each feature with a histogram, drifted ones on top.
func (r Report) HTML() ([]byte, error) {
	t, err := page.Parse(fmt.Sprintf("%s: %s %s", verdict(r.Result.State), r.Model, r.Version), pageSource, template.FuncMap{
		"time":      func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"histogram": histogram,
		"verdict":   verdict,
	})
	if err != nil {
		return nil, err
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
	return page.Render(t, r)
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
