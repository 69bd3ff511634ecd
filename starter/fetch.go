package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/internal/modelsource"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// artifactFile is the file that holds a spec's model: the file that the spec
// names, unless the model is on an MLflow server, or keeps weights in other files,
// which are merged into it, or is an ensemble, which is packed with its members. remove takes away what was made for that.
func (a *app) artifactFile(ctx context.Context, specPath string, m spec.Model) (file string, remove func(), err error) {
	remove = func() {}
	file = m.Artifact.At(specPath)
	document := false
	if !m.Artifact.Remote() && len(m.ExternalData) == 0 {
		if m.Runtime != "" && m.Runtime != spec.RuntimeEnsemble {
			return file, remove, nil
		}
		if document, err = isEnsemble(file); err != nil || !document {
			return file, remove, err
		}
	}
	folder, err := os.MkdirTemp("", "slipway-model-")
	if err != nil {
		return "", remove, fmt.Errorf("folder for the model: %w", err)
	}
	if document {
		packed := filepath.Join(folder, packedName)
		file, err = packed, a.packEnsemble(ctx, file, packed)
	} else {
		file, err = a.makeArtifact(ctx, specPath, m, folder)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", m.Artifact.Path, err)
	}
	return file, func() { _ = os.RemoveAll(folder) }, err // the system clears its temporary files too
}

func (a *app) makeArtifact(ctx context.Context, specPath string, m spec.Model, folder string) (string, error) {
	merged := filepath.Join(folder, "merged.onnx")
	if !m.Artifact.Remote() {
		file := m.Artifact.At(specPath)
		files, err := beside(file, externalPaths(specPath, m))
		if err != nil {
			return "", err
		}
		return merged, mergeModel(file, files, merged)
	}
	file, weights, err := a.fetchModel(ctx, m.Artifact, folder)
	if err != nil || len(weights) == 0 {
		return file, err
	}
	return merged, mergeModel(file, os.DirFS(folder), merged)
}

// fetchModel downloads a model that the spec takes from an MLflow server, the one
// that MLFLOW_TRACKING_URI names, and the files that it keeps weights in.
func (a *app) fetchModel(ctx context.Context, f spec.File, folder string) (file string, weights []string, err error) {
	address, err := modelsource.Parse(f.Path)
	if err != nil {
		return "", nil, err
	}
	uri := a.getenv("MLFLOW_TRACKING_URI")
	if uri == "" {
		return "", nil, errors.New("it is on an MLflow server: name the server with MLFLOW_TRACKING_URI")
	}
	server, err := modelsource.New(uri, a.getenv)
	if err != nil {
		return "", nil, err
	}
	file = filepath.Join(folder, "model.onnx")
	at, err := server.Fetch(ctx, address, file)
	if err != nil {
		return "", nil, err
	}
	model, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	if weights, err = onnx.ExternalFiles(model); err != nil {
		return "", nil, err
	}
	return file, weights, server.FetchBeside(ctx, at, weights, folder)
}
