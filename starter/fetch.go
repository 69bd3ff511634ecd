package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/internal/modelsource"
	"github.com/slipway-ml/slipway/internal/spec"
)

// fetchModel downloads a model that the spec takes from an MLflow server, the one
// that MLFLOW_TRACKING_URI names, to a file that remove takes away. Of a path it does nothing.
func (a *app) fetchModel(ctx context.Context, f spec.File) (file string, remove func(), err error) {
	remove = func() {}
	if !f.Remote() {
		return "", remove, nil
	}
	address, err := modelsource.Parse(f.Path)
	if err != nil {
		return "", remove, err
	}
	uri := a.getenv("MLFLOW_TRACKING_URI")
	if uri == "" {
		return "", remove, fmt.Errorf("%s is on an MLflow server: name the server with MLFLOW_TRACKING_URI", f.Path)
	}
	server, err := modelsource.New(uri, a.getenv)
	if err != nil {
		return "", remove, err
	}
	folder, err := os.MkdirTemp("", "slipway-model-")
	if err != nil {
		return "", remove, fmt.Errorf("folder for the download: %w", err)
	}
	remove = func() { _ = os.RemoveAll(folder) } // the system clears its temporary files too
	file = filepath.Join(folder, "model.onnx")
	if err := server.Fetch(ctx, address, file); err != nil {
		remove()
		return "", func() {}, fmt.Errorf("%s: %w", f.Path, err)
	}
	return file, remove, nil
}
