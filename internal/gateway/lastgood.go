package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// ModelConfig is what the gateway reads of a registered model's configuration.
// Sensitive and Columns may stand beside the spec's fields.
type ModelConfig struct {
	spec.Model
	// Sensitive names columns that are never logged.
	Sensitive []string `json:"sensitive,omitempty"`
	// Columns names the values of a model that takes one matrix, for the log.
	Columns []string `json:"columns,omitempty"`
}

// lastGood is everything a start needs when the catalog is down, as kept in
// last-good.json. Fields are only ever added.
type lastGood struct {
	Format int `json:"format"`
	// InForce are the routes that requests went by, Newest those that shall be in
	// force: not the same while a new production version is being loaded.
	InForce []catalog.Route `json:"in_force"`
	Newest  []catalog.Route `json:"newest"`
	Models  []lastGoodModel `json:"models"`
}

type lastGoodModel struct {
	Model   string          `json:"model"`
	Version string          `json:"version"`
	Digest  string          `json:"digest"`
	Config  json.RawMessage `json:"config"`
}

const lastGoodFormat = 1

func (m lastGoodModel) key() serving.Key {
	return serving.Key{Model: m.Model, Version: m.Version, Digest: m.Digest}
}

// readLastGood returns what was kept; nothing kept is no error.
func readLastGood(path string) (lastGood, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lastGood{}, nil
	}
	if err != nil {
		return lastGood{}, fmt.Errorf("read the last good routes: %w", err)
	}
	var out lastGood
	if err := json.Unmarshal(b, &out); err != nil {
		return lastGood{}, fmt.Errorf("read the last good routes from %s: %w", path, err)
	}
	if out.Format != lastGoodFormat {
		return lastGood{}, fmt.Errorf("read the last good routes from %s: format %d is not known", path, out.Format)
	}
	return out, nil
}

// write puts the file in place so that a crash leaves the old or the new one.
func (l lastGood) write(path string) (err error) {
	l.Format = lastGoodFormat
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("keep the routes: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".last-good-*")
	if err != nil {
		return fmt.Errorf("keep the routes: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that matters is on its way
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep the routes: %w", err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("keep the routes: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("keep the routes: %w", err)
	}
	if err = errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("keep the routes: %w", err)
	}
	return nil
}
