package control

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

//go:embed page.html
var pageSource string

//go:embed model.html
var modelPageSource string

// pageReleases is how many releases the first page lists.
const pageReleases = 50

func parsePages() (*template.Template, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"when":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"short":   shortDigest,
		"took":    took,
		"mark":    mark,
		"percent": func(permille int) string { return fmt.Sprintf("%g %%", float64(permille)/10) },
		"delta":   func(v *float64) string { return fmt.Sprintf("%+.6g", *v) },
	}).Parse(pageSource + modelPageSource)
	if err != nil {
		return nil, fmt.Errorf("read the pages: %w", err)
	}
	return t, nil
}

// homePage lists releases and what is in production.
func (s *Server) homePage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	page := struct {
		frame
		Releases []catalog.Release
		Routes   []catalog.Route
		Gateways []catalog.Gateway
	}{frame: frame{Title: "Slipway", UI: s.cfg.UI}}
	var err error
	if page.Releases, err = s.cfg.Catalog.Releases(ctx, catalog.ReleaseFilter{Limit: pageReleases}); err != nil {
		return err
	}
	if page.Routes, err = s.cfg.Catalog.Routes(ctx); err != nil {
		return err
	}
	if page.Gateways, err = s.cfg.Catalog.Gateways(ctx, time.Now().Add(-s.cfg.Alive)); err != nil {
		return err
	}
	for _, one := range page.Releases {
		page.Refresh = page.Refresh || one.Active()
	}
	return s.write(w, "home", page)
}

// releasePage shows the latest attempt at a version, gate by gate.
func (s *Server) releasePage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	model, version := r.PathValue("model"), r.PathValue("version")
	found, err := s.cfg.Catalog.Release(ctx, model, version)
	if err != nil {
		return err
	}
	page := struct {
		frame
		Release  catalog.Release
		Gates    []contract.GateReport
		Events   []catalog.Event
		Monitors []catalog.MonitorReport
		Workflow string // its page in Temporal's UI
	}{frame: frame{Title: model + " " + version, UI: s.cfg.UI, Refresh: found.Active()}, Release: found, Workflow: s.workflowPage(found.WorkflowID)}
	if page.Gates, err = allGates(found.Gates); err != nil {
		return fmt.Errorf("read the gates of release %s/%s: %w", model, version, err)
	}
	if page.Events, err = s.cfg.Catalog.Events(ctx, catalog.EventFilter{Subject: catalog.ReleaseSubject(model, version), Limit: eventPage}); err != nil {
		return err
	}
	if page.Monitors, err = s.cfg.Catalog.MonitorReports(ctx, model, 10); err != nil {
		return err
	}
	return s.write(w, "release", page)
}

// frame is what every page has.
type frame struct {
	Title   string
	UI      string
	Refresh bool // something is under way
}

func (s *Server) write(w http.ResponseWriter, name string, page any) error {
	var out bytes.Buffer // a page that fails half-way must not go out
	if err := s.pages.ExecuteTemplate(&out, name, page); err != nil {
		return fmt.Errorf("write the page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = out.WriteTo(w) // the client may be gone
	return nil
}

// workflowPage is a workflow's page in Temporal's UI; empty without a UI.
func (s *Server) workflowPage(id string) string {
	if s.cfg.UI == "" || id == "" {
		return ""
	}
	return strings.TrimSuffix(s.cfg.UI, "/") + "/namespaces/" + url.PathEscape(s.cfg.Namespace) + "/workflows/" + url.PathEscape(id)
}

// allGates is every gate in order: those noted as noted, the others pending.
func allGates(noted json.RawMessage) ([]contract.GateReport, error) {
	var reports []contract.GateReport
	if len(noted) > 0 {
		if err := json.Unmarshal(noted, &reports); err != nil {
			return nil, err
		}
	}
	var gates []contract.GateReport
	for _, name := range contract.Gates() {
		gate := contract.GateReport{Gate: name, State: contract.GatePending}
		for _, r := range reports {
			if r.Gate == name {
				gate = r
			}
		}
		gates = append(gates, gate)
	}
	return gates, nil
}

func took(g contract.GateReport) string {
	if g.Started == nil || g.Ended == nil {
		return ""
	}
	d := g.Ended.Sub(*g.Started)
	if d < time.Minute {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// mark is the colour of an outcome, a gate's state or a monitor's.
func mark(state any) string {
	switch fmt.Sprint(state) {
	case string(contract.OutcomeProduction), string(contract.GatePassed), contract.MonitorOK:
		return "good"
	case string(contract.OutcomeRunning), string(contract.GateWaiting):
		return "open"
	case string(contract.GatePending), contract.MonitorTooFew:
		return "none"
	}
	return "bad"
}

// shortDigest is enough of a digest to tell it from others on a page.
func shortDigest(d string) string {
	if hex, ok := strings.CutPrefix(d, "sha256:"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return d
}
