package catalog

import (
	"context"
	"fmt"
	"time"
)

// MonitorReport is the result of one window of a model's monitor.
type MonitorReport struct {
	Model   string    `db:"model" json:"model"`
	Version string    `db:"version" json:"version"`
	End     time.Time `db:"-" json:"end"` // of the window
	State   string    `db:"state" json:"state"`
	Summary string    `db:"summary" json:"summary"`
	Report  string    `db:"report" json:"report"` // digest of the JSON report
	Page    string    `db:"page" json:"page,omitempty"`
	Samples int       `db:"samples" json:"samples"`
}

type monitorRow struct {
	MonitorReport
	End stamp `db:"end_at"`
}

func (r monitorRow) report() MonitorReport {
	r.MonitorReport.End = r.End.time()
	return r.MonitorReport
}

// AddMonitorReport puts the result of a window on record.
func (c *Catalog) AddMonitorReport(ctx context.Context, r MonitorReport, m Mark) error {
	if err := checkNames("model name", r.Model, "version", r.Version); err != nil {
		return fmt.Errorf("add monitor report: %w", err)
	}
	r.End = at(r.End)
	_, err := apply(ctx, c, m, ActionMonitorChecked, MonitorSubject(r.Model, r.Version), func(t *tx) (move[MonitorReport], error) {
		return move[MonitorReport]{after: r}, t.insert(ctx, "monitor_reports(seq, model, version, end_at, state, summary, report, page, samples)", "",
			[]any{t.head.ID + 1, r.Model, r.Version, stamp(r.End), r.State, r.Summary, r.Report, r.Page, r.Samples})
	})
	return err
}

// MonitorReports lists the last windows of a model, newest first. A limit of 0
// or less is none.
func (c *Catalog) MonitorReports(ctx context.Context, model string, limit int) ([]MonitorReport, error) {
	var q query
	q.where("model = ?", model)
	return list(ctx, c, "list monitor reports", monitorRow.report,
		q.sql("SELECT model, version, end_at, state, summary, report, page, samples FROM monitor_reports", "end_at DESC, seq DESC", limit), q.args...)
}
