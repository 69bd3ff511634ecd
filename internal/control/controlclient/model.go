package controlclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ModelMove is one thing that happened to a model.
type ModelMove struct {
	Event    int64     `json:"event"`
	At       time.Time `json:"at"`
	Actor    string    `json:"actor"`
	Action   string    `json:"action"`
	Reason   string    `json:"reason,omitempty"`
	Model    string    `json:"model"`
	Version  string    `json:"version,omitempty"`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	Replaced string    `json:"replaced,omitempty"`
	Alias    string    `json:"alias,omitempty"`
	Was      string    `json:"was,omitempty"`
	Key      string    `json:"key,omitempty"`
}

// Alias is a movable name for a model version.
type Alias struct {
	Name      string `json:"name"`
	Alias     string `json:"alias"`
	Version   string `json:"version"`
	Rev       int64  `json:"rev"`
	Protected bool   `json:"protected,omitempty"`
	Number    int64  `json:"number,omitempty"`
}

// Production is the version in production at a time.
type Production struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	At      string `json:"at"`
}

// Comparison is how two versions differ; see package registry.
type Comparison struct {
	A        ComparisonSide      `json:"a"`
	B        ComparisonSide      `json:"b"`
	Sections []ComparisonSection `json:"sections"`
}

// ComparisonSide is one of the two versions.
type ComparisonSide struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Stage   string `json:"stage"`
}

// ComparisonSection is one aspect; rows that differ come first.
type ComparisonSection struct {
	Name      string          `json:"name"`
	Different int             `json:"different"`
	Rows      []ComparisonRow `json:"rows"`
}

// ComparisonRow is one thing that both have, or one of them.
type ComparisonRow struct {
	Key   string   `json:"key"`
	A     string   `json:"a,omitempty"`
	B     string   `json:"b,omitempty"`
	Same  bool     `json:"same"`
	Delta *float64 `json:"delta,omitempty"` // B less A
}

// Lineage is what a version was made from; see package registry.
type Lineage struct {
	Model struct {
		Name         string    `json:"name"`
		Version      string    `json:"version"`
		Number       int64     `json:"number"`
		Stage        string    `json:"stage"`
		Digest       string    `json:"digest,omitempty"`
		Source       string    `json:"source,omitempty"`
		ModelID      string    `json:"model_id,omitempty"`
		RegisteredBy string    `json:"registered_by"`
		At           time.Time `json:"at"`
	} `json:"model"`
	Run *struct {
		ID         string           `json:"id"`
		Name       string           `json:"name,omitempty"`
		Experiment string           `json:"experiment,omitempty"`
		Status     string           `json:"status,omitempty"`
		User       string           `json:"user,omitempty"`
		Known      bool             `json:"known"`
		Datasets   []LineageDataset `json:"datasets,omitempty"`
	} `json:"run,omitempty"`
	Release *struct {
		Workflow    string    `json:"workflow"`
		Run         string    `json:"run"`
		Outcome     string    `json:"outcome"`
		RequestedBy string    `json:"requested_by"`
		At          time.Time `json:"at"`
	} `json:"release,omitempty"`
	Data []LineageData `json:"data"`
}

// LineageDataset is a data set as a client described it.
type LineageDataset struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Source  string `json:"source"`
	Context string `json:"context,omitempty"`
}

// LineageData is a data version and how the model came to it.
type LineageData struct {
	Name      string     `json:"name"`
	Version   int64      `json:"version"`
	Digest    string     `json:"digest"`
	Bytes     int64      `json:"bytes"`
	FileCount int64      `json:"file_count"`
	Through   string     `json:"through"`
	Files     []DataFile `json:"files"`
	Deleted   bool       `json:"deleted,omitempty"`
}

// ModelFile is one file of a version and where its bytes are read.
type ModelFile struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"` // bytes; 0: not on record
	URL    string `json:"url"`
}

// Move is a move of an alias or of a stage. Actor is required.
type Move struct {
	Actor  string `json:"actor"`
	Reason string `json:"reason,omitempty"`
	// Key makes the move happen once, however often it is sent.
	Key       string  `json:"key,omitempty"`
	Version   string  `json:"version,omitempty"`
	Rev       *int64  `json:"rev,omitempty"`
	Protected *bool   `json:"protected,omitempty"`
	Override  bool    `json:"override,omitempty"`
	Stage     string  `json:"stage,omitempty"`
	Expect    *string `json:"expect,omitempty"`
	// Run is of another attempt at mirroring; empty: all.
	Run string `json:"run,omitempty"`
}

// Moves lists all that happened to a model, in order.
func (c *Client) Moves(ctx context.Context, name string) ([]ModelMove, error) {
	var out struct{ Moves []ModelMove }
	err := c.get(ctx, &out, nil, "models", name, "moves")
	return out.Moves, err
}

// ProductionAt is the version that was in production at a time; zero is now.
func (c *Client) ProductionAt(ctx context.Context, name string, at time.Time) (Production, error) {
	q := url.Values{}
	if !at.IsZero() {
		q.Set("at", at.UTC().Format(time.RFC3339Nano))
	}
	var p Production
	err := c.get(ctx, &p, q, "production", name)
	return p, err
}

// Aliases lists a model's aliases by name.
func (c *Client) Aliases(ctx context.Context, name string) ([]Alias, error) {
	var out struct{ Aliases []Alias }
	err := c.get(ctx, &out, nil, "models", name, "aliases")
	return out.Aliases, err
}

// Compare compares two versions of a model; each may be an alias or "latest".
func (c *Client) Compare(ctx context.Context, name, a, b string) (Comparison, error) {
	var out Comparison
	err := c.get(ctx, &out, query("a", a, "b", b), "models", name, "compare")
	return out, err
}

// Lineage follows a version back to the files of its data.
func (c *Client) Lineage(ctx context.Context, name, version string) (Lineage, error) {
	var out Lineage
	err := c.get(ctx, &out, nil, "models", name, version, "lineage")
	return out, err
}

// ModelFiles lists what a version consists of.
func (c *Client) ModelFiles(ctx context.Context, name, version string) ([]ModelFile, error) {
	var out struct{ Files []ModelFile }
	err := c.get(ctx, &out, nil, "models", name, version, "files")
	return out.Files, err
}

// OpenFile reads a file of a version. The caller closes it and checks the digest.
func (c *Client) OpenFile(ctx context.Context, f ModelFile) (io.ReadCloser, error) {
	at, err := c.base.Parse(f.URL)
	if err != nil || at.Host != c.base.Host {
		return nil, fmt.Errorf("read %s: %q is not an address of the control API", f.Path, f.URL)
	}
	req, err := c.request(ctx, http.MethodGet, nil, nil)
	if err != nil {
		return nil, err
	}
	at.Path = strings.TrimSuffix(c.base.Path, "/") + at.Path
	at.RawPath = ""
	req.URL = at
	answer, err := c.do(req)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	return answer.Body, nil
}

// MoveAlias points an alias at m.Version.
func (c *Client) MoveAlias(ctx context.Context, name, alias string, m Move) (Alias, error) {
	var a Alias
	err := c.send(ctx, http.MethodPut, m, &a, "models", name, "aliases", alias)
	return a, err
}

// RemoveAlias takes an alias away and gives back what it was.
func (c *Client) RemoveAlias(ctx context.Context, name, alias string, m Move) (Alias, error) {
	var a Alias
	err := c.send(ctx, http.MethodDelete, m, &a, "models", name, "aliases", alias)
	return a, err
}

// MoveStage moves a version to m.Stage.
func (c *Client) MoveStage(ctx context.Context, name, version string, m Move) (Model, error) {
	var out Model
	err := c.send(ctx, http.MethodPost, m, &out, "models", name, version, "stage")
	return out, err
}

// Route is where the requests for a model go.
type Route struct {
	Model          string    `json:"model"`
	Stable         string    `json:"stable,omitempty"`
	StableDigest   string    `json:"stable_digest,omitempty"`
	Canary         string    `json:"canary,omitempty"`
	CanaryDigest   string    `json:"canary_digest,omitempty"`
	CanaryPermille int       `json:"canary_permille"`
	Previous       string    `json:"previous,omitempty"`
	PreviousDigest string    `json:"previous_digest,omitempty"`
	Release        string    `json:"release,omitempty"`
	Rev            int64     `json:"rev"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// RollBack puts m.Version, or the version before if that is empty, into production again.
func (c *Client) RollBack(ctx context.Context, name string, m Move) (Route, error) {
	var out Route
	err := c.send(ctx, http.MethodPost, m, &out, "models", name, "rollback")
	return out, err
}

// send sends JSON and reads the JSON that comes back.
func (c *Client) send(ctx context.Context, method string, in, out any, path ...string) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	req, err := c.request(ctx, method, bytes.NewReader(body), nil, path...)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s: %w", req.URL, err)
	}
	return nil
}
