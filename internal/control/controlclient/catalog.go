package controlclient

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// ReleaseFilter selects releases. Zero fields select all.
type ReleaseFilter struct {
	Model   string
	Outcome string
	Active  bool // only those under way
	Limit   int  // 0: the server's default, 100
}

// Releases lists attempts, newest first.
func (c *Client) Releases(ctx context.Context, f ReleaseFilter) ([]Release, error) {
	q := query("model", f.Model, "outcome", f.Outcome, "limit", number(f.Limit))
	if f.Active {
		q.Set("active", "true")
	}
	var out struct{ Releases []Release }
	err := c.get(ctx, &out, q, "releases")
	return out.Releases, err
}

// Release is the latest attempt at a version.
func (c *Client) Release(ctx context.Context, model, version string) (Release, error) {
	var r Release
	err := c.get(ctx, &r, nil, "releases", model, version)
	return r, err
}

// Models lists model versions, newest first. An empty name or stage selects all.
func (c *Client) Models(ctx context.Context, name, stage string, limit int) ([]Model, error) {
	var out struct{ Models []Model }
	err := c.get(ctx, &out, query("name", name, "stage", stage, "limit", number(limit)), "models")
	return out.Models, err
}

// Model is one model version.
func (c *Client) Model(ctx context.Context, name, version string) (Model, error) {
	var m Model
	err := c.get(ctx, &m, nil, "models", name, version)
	return m, err
}

// History lists the events that moved the model's versions between stages, in order.
func (c *Client) History(ctx context.Context, name string) ([]Event, error) {
	var out struct{ Events []Event }
	err := c.get(ctx, &out, nil, "models", name, "history")
	return out.Events, err
}

// DataVersions lists the versions of a name, or all for an empty one, newest first and without their files.
func (c *Client) DataVersions(ctx context.Context, name string) ([]Data, error) {
	var out struct{ Data []Data }
	err := c.get(ctx, &out, query("name", name), "data")
	return out.Data, err
}

// Data is the data version of a digest, a name@version, or the latest of a name.
// Of the paths its Entries has those that are files of the version.
func (c *Client) Data(ctx context.Context, ref string, paths ...string) (Data, error) {
	var d Data
	err := c.get(ctx, &d, url.Values{"path": paths}, "data", ref)
	return d, err
}

// EventFilter selects events of the audit log. Zero fields select all.
type EventFilter struct {
	Subject, Prefix, Action string
	Since                   time.Time
	AfterID                 int64
	Limit                   int // 0: the server's default, 1000
}

// Events lists the audit log in order.
func (c *Client) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	q := query("subject", f.Subject, "prefix", f.Prefix, "action", f.Action, "limit", number(f.Limit), "after", number(int(f.AfterID)))
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	var out struct{ Events []Event }
	err := c.get(ctx, &out, q, "events")
	return out.Events, err
}

// Info says where the parts of the deployment are.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var i Info
	err := c.get(ctx, &i, nil, "info")
	return i, err
}

// query makes a query of the pairs whose value is not empty.
func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
