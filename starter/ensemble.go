package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/ensemble"
	"github.com/slipway-ml/slipway/internal/spec"
)

// isEnsemble tells that a file is the document of an ensemble, which has to be packed with its members.
func isEnsemble(path string) (bool, error) {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path))) {
		return false, nil
	}
	b, err := readDocument(path)
	if err != nil {
		return false, err
	}
	return ensemble.IsDocument(b), nil
}

// parseEnsemble reads the document of an ensemble.
func parseEnsemble(path string) (ensemble.Document, error) {
	b, err := readDocument(path)
	if err != nil {
		return ensemble.Document{}, err
	}
	return ensemble.Parse(b)
}

// readDocument reads as much of a file as a document may have, and a byte more.
func readDocument(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, ensemble.MaxDocument+1))
}

// packEnsemble packs the ensemble of a document with its members, versions of the
// registry and files beside it, into a new file: from then on it can't change.
func (a *app) packEnsemble(ctx context.Context, path, to string) (err error) {
	d, err := parseEnsemble(path)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "slipway-members-")
	if err != nil {
		return fmt.Errorf("folder for the members: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	m := &members{app: a, beside: filepath.Dir(path), folder: folder, files: map[string]string{}, fetched: map[ensemble.Member]ensemble.Member{}}
	for i := range d.Steps {
		s := &d.Steps[i]
		if s.Model, err = m.pin(ctx, s.Model); err != nil {
			return fmt.Errorf("ensemble: step %s: %w", s.Name, err)
		}
	}
	return newFile(to, func(out io.Writer) error { return ensemble.Pack(out, d, m.open) })
}

// readArtifact reads a model as readModel does, or packs the ensemble of a document.
func (a *app) readArtifact(ctx context.Context, path string, external []string) ([]byte, error) {
	switch document, err := isEnsemble(path); {
	case err != nil:
		return nil, err
	case !document:
		return readModel(path, external)
	}
	folder, err := os.MkdirTemp("", "slipway-model-")
	if err != nil {
		return nil, fmt.Errorf("folder for the model: %w", err)
	}
	defer os.RemoveAll(folder)
	packed := filepath.Join(folder, packedName)
	if err := a.packEnsemble(ctx, path, packed); err != nil {
		return nil, err
	}
	return os.ReadFile(packed)
}

// packedName is the name of a packed ensemble.
const packedName = "ensemble.tar"

// members finds the members of an ensemble.
type members struct {
	app     *app
	api     *controlclient.Client // nil until a member of the registry is asked for
	beside  string                // the document's folder
	folder  string                // for what is fetched
	files   map[string]string     // by digest
	fetched map[ensemble.Member]ensemble.Member
}

// pin finds the bytes of a member and writes down which they are.
func (m *members) pin(ctx context.Context, given ensemble.Member) (ensemble.Member, error) {
	if known, ok := m.fetched[given]; ok {
		return known, nil
	}
	out := given
	var err error
	if given.File != "" {
		path := filepath.Join(m.beside, filepath.FromSlash(given.File))
		if out.Digest, _, err = digestFile(ctx, path); err == nil {
			m.files[out.Digest] = path
		}
	} else {
		err = m.fetch(ctx, &out)
	}
	switch {
	case err != nil:
		return out, err
	case given.Digest != "" && given.Digest != out.Digest:
		return out, fmt.Errorf("%s has the digest %s, and the document states %s", given, out.Digest, given.Digest)
	}
	switch found, err := runtimeOf(m.files[out.Digest], out.Runtime); {
	case err != nil:
		return out, err
	case found == spec.RuntimeEnsemble:
		return out, fmt.Errorf("%s: %w", given, ensemble.ErrNested)
	}
	m.fetched[given] = out
	return out, nil
}

// fetch downloads a version of the registry, verified against its digest.
func (m *members) fetch(ctx context.Context, member *ensemble.Member) error {
	if m.api == nil {
		var err error
		if m.api, err = m.app.control(); err != nil {
			return err
		}
	}
	v, err := m.api.Model(ctx, member.Name, member.Version)
	switch {
	case controlclient.IsNotFound(err):
		return fmt.Errorf("the registry has no %s: release it first (slipway model list %s)", *member, member.Name)
	case err != nil:
		return err
	case v.Stage == catalog.StageRejected:
		return fmt.Errorf("%s was rejected: name a version that may be served", *member)
	case !v.DeletedAt.IsZero():
		return fmt.Errorf("%s has been deleted from the registry: name another version", *member)
	}
	files, err := m.api.ModelFiles(ctx, v.Name, v.Version)
	if err != nil {
		return err
	}
	if len(files) != 1 || files[0].Digest != v.Digest {
		return fmt.Errorf("the content of %s is not one file of Slipway's store: release it through Slipway first", *member)
	}
	var config spec.Model
	if len(v.Config) > 0 {
		if err := json.Unmarshal(v.Config, &config); err != nil {
			return fmt.Errorf("read the configuration of %s: %w", *member, err)
		}
	}
	file := files[0]
	file.Path = strings.TrimPrefix(file.Digest, "sha256:")
	if err := getFile(ctx, m.api, file, m.folder); err != nil {
		return fmt.Errorf("%s: %w", *member, err)
	}
	member.Version, member.Digest = v.Version, v.Digest // it may have been an alias
	if config.Runtime != "" {
		member.Runtime = config.Runtime
	}
	m.files[v.Digest] = filepath.Join(m.folder, file.Path)
	return nil
}

// runtimeOf is what runs a file: what is stated, or what its beginning tells.
func runtimeOf(path, stated string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 512))
	return spec.Model{Runtime: stated}.RuntimeOf(head), err
}

// open implements ensemble.Source.
func (m *members) open(member ensemble.Member) (io.ReadCloser, int64, error) {
	f, err := os.Open(m.files[member.Digest])
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}
