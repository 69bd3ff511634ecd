package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/spec"
)

// upload puts every file of the spec where it belongs, those that are not there
// yet, and writes digests and sizes into the spec: tables into the data
// repository, in whose chunks they share with other versions, the rest into the store.
func (a *app) upload(ctx context.Context, c *controlclient.Client, specPath string, r *spec.Release) error {
	artifact, remove, err := a.artifactFile(ctx, specPath, r.Model)
	if err != nil {
		return fmt.Errorf("model.artifact: %w", err)
	}
	defer remove()
	if found, err := runtimeOf(artifact, r.Model.Runtime); err != nil {
		return fmt.Errorf("model.artifact: %w", err)
	} else if found == spec.RuntimeEnsemble { // the name of the file, which was its document, does not tell
		r.Model.Runtime = found
	}
	bars := a.uploadBars()
	defer bars.Wait()
	tables := map[string]bool{}
	for _, t := range r.Data.Tables() {
		tables[t.Field] = true
	}
	sent := map[string]bool{}
	return r.EachFile(func(field string, f *spec.File) error {
		path := f.At(specPath)
		if field == spec.ArtifactField {
			path = artifact
		}
		var err error
		if f.Digest, f.Size, err = digestFile(ctx, path); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		to := blobs(c, path)
		switch {
		case tables[field]:
			to = files(c)
		case spec.IsExternalData(field):
			return nil // its digest tells what the artifact was made of, which holds its bytes
		}
		if sent[to.name+f.Digest] {
			return nil
		}
		sent[to.name+f.Digest] = true
		there, err := to.has(ctx, f.Digest)
		if err == nil && !there {
			err = sendFile(ctx, to, bars, path, *f)
		}
		if err != nil {
			return fmt.Errorf("upload %s %s: %w", field, path, err)
		}
		return nil
	})
}

// uploadPlace is where a file is uploaded to.
type uploadPlace struct {
	name string
	has  func(ctx context.Context, digest string) (bool, error)
	put  func(ctx context.Context, digest string, size int64, body io.Reader) error
}

func blobs(c *controlclient.Client, path string) uploadPlace {
	return uploadPlace{"blob ", c.HasBlob, func(ctx context.Context, digest string, size int64, body io.Reader) error {
		return c.PutBlob(ctx, digest, size, mediaType(path), body)
	}}
}

func files(c *controlclient.Client) uploadPlace { return uploadPlace{"file ", c.HasFile, c.PutFile} }

// uploadBars draws on a terminal and nowhere else.
func (a *app) uploadBars() *mpb.Progress {
	if !a.terminal(a.stderr) {
		return mpb.New(mpb.WithOutput(nil))
	}
	return mpb.New(mpb.WithOutput(a.stderr))
}

func digestFile(ctx context.Context, path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, stopping{ctx, f})
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), size, nil
}

// stopping is a reader that ends with its context.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

func sendFile(ctx context.Context, to uploadPlace, bars *mpb.Progress, path string, f spec.File) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	bar := bars.AddBar(f.Size, mpb.BarWidth(30),
		mpb.PrependDecorators(decor.Name(clean(filepath.Base(path))+"  ", decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f")))
	body := bar.ProxyReader(file)
	defer body.Close()
	err = to.put(ctx, f.Digest, f.Size, body)
	bar.Abort(err != nil || !bar.Completed()) // what the store had meanwhile is not read to its end
	var answer *controlclient.Error
	if errors.As(err, &answer) && answer.Status == http.StatusUnprocessableEntity {
		return fmt.Errorf("the file changed while it was read; try again: %w", err)
	}
	return err
}

// mediaType tells what a file is by its name; the store keeps it with the bytes.
func mediaType(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".onnx":
		return "application/vnd.onnx"
	case ".csv":
		return "text/csv"
	case ".yaml", ".yml":
		return "application/yaml"
	case ".md":
		return "text/markdown"
	case ".json":
		return "application/json"
	case ".tar":
		return "application/x-tar"
	}
	return "application/octet-stream"
}
