package registry

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// Lineage is what a model version was made from: version → run → release → data → files.
type Lineage struct {
	Model   ModelNode    `json:"model"`
	Run     *RunNode     `json:"run,omitempty"`
	Release *ReleaseNode `json:"release,omitempty"`
	Data    []DataNode   `json:"data"`
}

// ModelNode is the version itself.
type ModelNode struct {
	Name         string    `json:"name"`
	Version      string    `json:"version"`
	Number       int64     `json:"number"`
	Stage        string    `json:"stage"`
	Digest       string    `json:"digest,omitempty"`
	Source       string    `json:"source,omitempty"`
	ModelID      string    `json:"model_id,omitempty"`
	RegisteredBy string    `json:"registered_by"`
	At           time.Time `json:"at"`
}

// RunNode is the run that made it.
type RunNode struct {
	ID         string `json:"id"`
	Name       string `json:"name,omitempty"`
	Experiment string `json:"experiment,omitempty"`
	Status     string `json:"status,omitempty"`
	User       string `json:"user,omitempty"`
	// Known is false for a run of another server, of which only the id is on record.
	Known bool `json:"known"`
	// Datasets that the run used and that are no stored version: only what the client said of them is on record.
	Datasets []DatasetNode `json:"datasets,omitempty"`
}

// DatasetNode is a data set as a client described it.
type DatasetNode struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Source  string `json:"source"`
	Context string `json:"context,omitempty"`
}

// ReleaseNode is the release that took it.
type ReleaseNode struct {
	Workflow    string    `json:"workflow"`
	Run         string    `json:"run"`
	Outcome     string    `json:"outcome"`
	RequestedBy string    `json:"requested_by"`
	At          time.Time `json:"at"`
}

// DataNode is a data version and how the model came to it.
type DataNode struct {
	Name      string `json:"name"`
	Version   int64  `json:"version"`
	Digest    string `json:"digest"`
	Bytes     int64  `json:"bytes"`
	FileCount int64  `json:"file_count"`
	// Through is "release", "model" or "run".
	Through string `json:"through"`
	// Files are listed up to MaxFiles.
	Files []catalog.DataFile `json:"files"`
	// Deleted tells that the version was deleted since.
	Deleted bool `json:"deleted,omitempty"`
}

// Ref is NAME@VERSION.
func (d DataNode) Ref() string { return d.Name + "@" + strconv.FormatInt(d.Version, 10) }

// MaxFiles bounds the files that are listed of one data version.
const MaxFiles = 1000

// Lineage follows a version back.
func (l *Library) Lineage(ctx context.Context, m catalog.Model) (Lineage, error) {
	out := Lineage{Model: ModelNode{
		Name: m.Name, Version: m.Version, Number: m.Number, Stage: m.Stage, Digest: m.Digest, Source: m.Source, ModelID: m.ModelID, RegisteredBy: m.CreatedBy, At: m.CreatedAt,
	}}
	var err error
	if m.Run == "" && m.Release != "" {
		m.Run = catalog.RunOfRelease(m.Release)
	}
	if out.Run, err = l.runNode(ctx, m.Run); err != nil {
		return out, err
	}
	if out.Run != nil && !out.Run.Known && m.Release != "" {
		out.Run = nil // the release is from before its tests were a run
	}
	if out.Release, err = l.releaseNode(ctx, m.Release); err != nil {
		return out, err
	}
	out.Data, err = l.dataOf(ctx, m)
	return out, err
}

func (l *Library) runNode(ctx context.Context, uid string) (*RunNode, error) {
	if uid == "" {
		return nil, nil
	}
	run, err := l.Catalog.Run(ctx, uid)
	if errors.Is(err, catalog.ErrNotFound) {
		return &RunNode{ID: uid}, nil
	}
	if err != nil {
		return nil, err
	}
	node := &RunNode{ID: uid, Name: run.Name, Status: run.Status, User: run.User, Known: true}
	if e, err := l.Catalog.Experiment(ctx, run.ExperimentID); err == nil {
		node.Experiment = e.Name
	} else if !errors.Is(err, catalog.ErrNotFound) {
		return nil, err
	}
	for _, d := range run.Inputs {
		if d.DataDigest == "" {
			node.Datasets = append(node.Datasets, DatasetNode{Name: d.Name, Digest: d.Digest, Source: d.Source, Context: d.Tags[catalog.TagDataContext]})
		}
	}
	return node, nil
}

// releaseNode reads a release's key, "release/model/version@run".
func (l *Library) releaseNode(ctx context.Context, key string) (*ReleaseNode, error) {
	workflow, run, _ := strings.Cut(key, "@")
	model, version, ok := strings.Cut(strings.TrimPrefix(workflow, "release/"), "/")
	if !ok {
		return nil, nil
	}
	node := &ReleaseNode{Workflow: workflow, Run: run}
	all, err := l.Catalog.Releases(ctx, catalog.ReleaseFilter{Model: model})
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Version == version && r.Run == run {
			node.Outcome, node.RequestedBy, node.At = r.Outcome, r.RequestedBy, r.CreatedAt
		}
	}
	return node, nil
}

// dataOf lists the data versions that a model was registered with, or its run used.
func (l *Library) dataOf(ctx context.Context, m catalog.Model) ([]DataNode, error) {
	var nodes []DataNode
	add := func(digest, through string) error {
		if digest == "" || slices.ContainsFunc(nodes, func(n DataNode) bool { return n.Digest == digest }) {
			return nil
		}
		d, err := l.Catalog.Data(ctx, digest)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		files, err := l.files(ctx, d)
		nodes = append(nodes, DataNode{Name: d.Name, Version: d.Version, Digest: d.Digest, Bytes: d.Bytes, FileCount: d.FileCount, Through: through, Files: files, Deleted: !d.DeletedAt.IsZero()})
		return err
	}
	through := "model"
	if m.Release != "" {
		through = "release"
	}
	if err := add(m.DataDigest, through); err != nil {
		return nil, err
	}
	if m.Run == "" {
		return nodes, nil
	}
	run, err := l.Catalog.Run(ctx, m.Run)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return nil, err
	}
	for _, d := range run.Inputs {
		if err := add(d.DataDigest, "run"); err != nil {
			return nil, err
		}
		for _, n := range nodes {
			tellRole(n.Files, d)
		}
	}
	return nodes, nil
}

// tellRole notes what a run used a file for, where the run names it.
func tellRole(files []catalog.DataFile, d catalog.RunDataset) {
	var source struct {
		Digest string `json:"digest"`
	}
	role := map[string]string{"training": "train", "evaluation": "test"}[d.Tags[catalog.TagDataContext]]
	if d.DataDigest == "" || role == "" || json.Unmarshal([]byte(d.Source), &source) != nil {
		return
	}
	for i, f := range files {
		if f.Role == "" && f.Digest == source.Digest {
			files[i].Role = role
		}
	}
}

// files lists the files of a data version, or what the catalog knows of them.
func (l *Library) files(ctx context.Context, d catalog.DataVersion) ([]catalog.DataFile, error) {
	if !d.Tree || l.Data == nil || !d.DeletedAt.IsZero() {
		return d.Files, nil
	}
	var files []catalog.DataFile
	for e, err := range l.Data.Entries(ctx, d) {
		if err != nil {
			return nil, err
		}
		if files = append(files, catalog.DataFile{Path: e.Path, Digest: string(e.Digest), Size: e.Size}); len(files) == MaxFiles {
			break
		}
	}
	return files, nil
}
