package controlclient

import (
	"context"
	"net/http"
	"time"
)

// Mirror is how far the mirror of runs is.
type Mirror struct {
	Target  string    `json:"target"`
	Since   time.Time `json:"since"`
	Runs    int64     `json:"runs"`
	Pending int64     `json:"pending"`
	Failing int64     `json:"failing"`
	Aside   int64     `json:"aside"`
	Refused int64     `json:"refused"`
	// Waiting is since when the oldest pending run could have been sent; zero: none is pending.
	Waiting  time.Time       `json:"waiting,omitzero"`
	Troubles []MirrorTrouble `json:"troubles"`
}

// MirrorTrouble is a run that is not on the other server as a whole.
type MirrorTrouble struct {
	Run        string          `json:"run"`
	State      string          `json:"state"` // aside, failing or refused
	Remote     string          `json:"remote,omitempty"`
	Attempts   int64           `json:"attempts,omitempty"`
	RetryAt    time.Time       `json:"retry_at,omitzero"`
	Error      string          `json:"error,omitempty"`
	Refused    []MirrorRefusal `json:"refused,omitempty"`
	MirroredAt time.Time       `json:"mirrored_at,omitzero"`
}

// MirrorRefusal is an item that the other server did not take.
type MirrorRefusal struct {
	Kind   string `json:"kind"` // param, tag, metric, dataset or artifact
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

// Mirror tells how far the mirror of runs is. Without one the error is an IsNotFound.
func (c *Client) Mirror(ctx context.Context) (Mirror, error) {
	var m Mirror
	err := c.get(ctx, &m, nil, "mirror")
	return m, err
}

// RetryMirror takes up again what was set aside or refused, of one run or, without one, of all; it tells how many runs.
func (c *Client) RetryMirror(ctx context.Context, run string, m Move) (int64, error) {
	m.Run = run
	var out struct {
		Runs int64 `json:"runs"`
	}
	err := c.send(ctx, http.MethodPost, m, &out, "mirror", "retry")
	return out.Runs, err
}

// StopMirror has changes of runs noted no longer.
func (c *Client) StopMirror(ctx context.Context, m Move) error {
	var none struct{}
	return c.send(ctx, http.MethodDelete, m, &none, "mirror")
}
