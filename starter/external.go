package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// listedFiles is the part of a model's folder that it may read weights from:
// names relative to the folder, with slashes, to paths.
type listedFiles map[string]string

var errNotListed = errors.New("not among the files that the model may read; list it in model.external_data (--external-data), in the model's folder or below")

// beside is those of the files that are in the model's folder or below.
func beside(model string, files []string) (listedFiles, error) {
	folder, err := filepath.Abs(filepath.Dir(model))
	if err != nil {
		return nil, fmt.Errorf("folder of %s: %w", model, err)
	}
	out := listedFiles{}
	for _, file := range files {
		full, err := filepath.Abs(file)
		if err != nil {
			return nil, fmt.Errorf("external data %s: %w", file, err)
		}
		if name, err := filepath.Rel(folder, full); err == nil && filepath.IsLocal(name) {
			out[filepath.ToSlash(name)] = full
		}
	}
	return out, nil
}

// Open implements fs.FS.
func (l listedFiles) Open(name string) (fs.File, error) {
	path, listed := l[name]
	if !listed {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotListed}
	}
	return os.Open(path)
}

// readModel reads a model, with the weights that it keeps in the files.
func readModel(path string, files []string) ([]byte, error) {
	model, err := os.ReadFile(path)
	if err != nil || len(files) == 0 {
		return model, err
	}
	from, err := beside(path, files)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := onnx.Merge(&out, model, from); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out.Bytes(), nil
}

// mergeModel writes a model, with the weights that it keeps in files, to a new file.
func mergeModel(path string, files fs.FS, to string) error {
	model, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return newFile(to, func(out io.Writer) error { return onnx.Merge(out, model, files) })
}

// newFile writes a file that is not there yet.
func newFile(path string, write func(io.Writer) error) (err error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(out), out.Close())
}

// externalPaths are the files of model.external_data, as paths.
func externalPaths(specPath string, m spec.Model) []string {
	var out []string
	for _, f := range m.ExternalData {
		out = append(out, f.At(specPath))
	}
	return out
}
