package mlflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// proxyEndpoints are those below /api/2.0/mlflow-artifacts/: the way of every file
// between a client and the artifact repository.
func (a *API) proxyEndpoints() []endpoint {
	return []endpoint{
		{"GET", "artifacts", a.listProxied},
		{"GET", "artifacts/{path...}", a.download},
		{"PUT", "artifacts/{path...}", a.upload},
		{"DELETE", "artifacts/{path...}", a.deleteProxied},
		{"GET", "presigned/{path...}", notPresigned},
		{"POST", "mpu/{step}/{path...}", noParts},
	}
}

// noParts makes clients send a large file whole.
func noParts(http.ResponseWriter, *http.Request) error {
	return fail(NotImplemented, "an upload in parts is not supported here: send the file in one PUT")
}

func (a *API) listProxied(w http.ResponseWriter, r *http.Request) error {
	folder := strings.Trim(r.URL.Query().Get("path"), "/")
	if folder != "" {
		if err := checkPath(folder); err != nil {
			return err
		}
	}
	files, err := a.listFolder(r.Context(), folder)
	if err != nil {
		return err
	}
	return send(w, struct {
		Files []fileInfo `json:"files,omitempty"`
	}{files})
}

func (a *API) download(w http.ResponseWriter, r *http.Request) error {
	p := r.PathValue("path")
	if p == "" {
		return a.listProxied(w, r)
	}
	if err := checkPath(p); err != nil {
		return err
	}
	f, err := a.cfg.Catalog.TrackedFile(r.Context(), p)
	if err != nil {
		return err
	}
	file, err := a.cfg.Repository.Open(r.Context(), artifacts.Digest(f.Digest))
	if err != nil {
		return err
	}
	defer file.Close()
	h := w.Header()
	// By its name, never by its bytes, and never shown as a page of ours.
	kind := mime.TypeByExtension(path.Ext(p))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(p)}))
	h.Set("ETag", `"`+f.Digest+`"`)
	http.ServeContent(w, r, "", time.Time{}, file)
	return nil
}

// upload stores the body: first its bytes, then where they are.
func (a *API) upload(w http.ResponseWriter, r *http.Request) error {
	p := r.PathValue("path")
	if err := checkPath(p); err != nil {
		return err
	}
	if r.ContentLength > a.cfg.MaxUpload {
		return fail(InvalidParameterValue, "the file has %d bytes, at most %d are taken", r.ContentLength, a.cfg.MaxUpload)
	}
	f, err := a.Store(r.Context(), p, http.MaxBytesReader(w, r.Body, a.cfg.MaxUpload))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+f.Digest+`"`)
	return send(w, empty{})
}

// Store keeps what content reads as the artifact at path.
func (a *API) Store(ctx context.Context, path string, content io.Reader) (_ catalog.TrackedFile, err error) {
	dir, err := os.MkdirTemp(a.cfg.Spool, "slipway-upload-")
	if err != nil {
		return catalog.TrackedFile{}, fmt.Errorf("keep an upload: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// The same name always: equal contents are one tree.
	name := filepath.Join(dir, "content")
	size, digest, err := spool(name, content)
	if err != nil {
		return catalog.TrackedFile{}, err
	}
	tree, err := a.cfg.Repository.Add(ctx, name, nil)
	if err != nil {
		return catalog.TrackedFile{}, err
	}
	f := catalog.TrackedFile{Path: path, Tree: string(tree.Digest), Digest: digest, Size: size}
	return f, a.cfg.Catalog.SetTrackedFile(ctx, f)
}

func spool(name string, content io.Reader) (size int64, digest string, err error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", fmt.Errorf("keep an upload: %w", err)
	}
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(file, hash), content)
	if err = errors.Join(err, file.Close()); err != nil {
		return 0, "", fmt.Errorf("read an upload: %w", err)
	}
	return size, "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}

func (a *API) deleteProxied(w http.ResponseWriter, r *http.Request) error {
	p := strings.TrimSuffix(r.PathValue("path"), "/")
	if err := checkPath(p); err != nil {
		return err
	}
	n, err := a.cfg.Catalog.DeleteTrackedFiles(r.Context(), p)
	if err != nil {
		return err
	}
	if n == 0 {
		return fail(DoesNotExist, "No such artifact: '%s'", clip(p))
	}
	return send(w, empty{})
}
