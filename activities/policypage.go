package activities

import (
	_ "embed"

	"github.com/slipway-ml/slipway/internal/governance"
	"github.com/slipway-ml/slipway/internal/page"
)

//go:embed policy.html
var policyPage string

// policyReport is an evaluation with its page. The page stands here and not in
// governance, which workflow code calls and which stays free of templates.
type policyReport struct{ governance.Evaluation }

func (p policyReport) HTML() ([]byte, error) {
	t, err := page.Parse("Policies", policyPage, nil)
	if err != nil {
		return nil, err
	}
	return page.Render(t, p)
}
