package mlflow

import (
	"mime"
	"net/http"
	"path"
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
	folder, err := checkFolder(strings.Trim(r.URL.Query().Get("path"), "/"))
	if err != nil {
		return err
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
	return a.sendFile(w, r, p)
}

func (a *API) sendFile(w http.ResponseWriter, r *http.Request, p string) error {
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
	f, err := a.files.Put(r.Context(), p, http.MaxBytesReader(w, r.Body, a.cfg.MaxUpload))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+f.Digest+`"`)
	return send(w, empty{})
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

// downloadOf answers `GET /get-artifact?run_id=…&path=…`, the link of MLflow's pages.
func (a *API) downloadOf(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if err := checkPath(query.Get("path")); err != nil {
		return err
	}
	id, err := runRef{query.Get("run_id"), query.Get("run_uuid")}.id()
	if err != nil {
		return err
	}
	run, err := a.cfg.Catalog.Run(r.Context(), id)
	if err != nil {
		return err
	}
	folder, ours := strings.CutPrefix(run.ArtifactURI, catalog.ArtifactAddress)
	if !ours {
		return fail(InvalidParameterValue, "the artifacts at %s are not kept here: fetch them with a client that reaches them", clip(run.ArtifactURI))
	}
	return a.sendFile(w, r, path.Join(folder, query.Get("path")))
}

// downloadOfVersion answers `GET /model-versions/get-artifact?name=…&version=…&path=…`, another such link.
func (a *API) downloadOfVersion(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if err := checkPath(query.Get("path")); err != nil {
		return err
	}
	var number integer
	if number.UnmarshalJSON([]byte(query.Get("version"))) != nil {
		return invalidValue("version", query.Get("version"), "want a number")
	}
	m, err := a.version(r.Context(), query.Get("name"), &number)
	if err != nil {
		return err
	}
	folder, files, err := a.Content(r.Context(), m)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fail(InvalidParameterValue, "the files of the version are not kept here: fetch them from %s", clip(source(m)))
	}
	return a.sendFile(w, r, path.Join(folder, query.Get("path")))
}
