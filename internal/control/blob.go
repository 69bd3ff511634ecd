package control

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/slipway-ml/slipway/artifacts"
)

func digestOf(r *http.Request) (artifacts.Digest, error) {
	d, err := artifacts.ParseDigest(r.PathValue("digest"))
	if err != nil {
		return "", &problem{http.StatusBadRequest, err.Error(), "want sha256: and 64 lower-case hexadecimal digits"}
	}
	return d, nil
}

// statBlob answers HEAD: whether the store has the blob, and its size.
func (s *Server) statBlob(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	ref, err := s.cfg.Store.Stat(r.Context(), d)
	if err != nil {
		return err
	}
	blobHeader(w, ref)
	return nil
}

func (s *Server) getBlob(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	ref, err := s.cfg.Store.Stat(r.Context(), d)
	if err != nil {
		return err
	}
	blob, err := s.cfg.Store.Open(r.Context(), d)
	if err != nil {
		return err
	}
	defer blob.Close()
	blobHeader(w, ref)
	if _, err := io.Copy(w, blob); err != nil {
		s.cfg.Log.Warn("blob not sent whole", "digest", d, "error", err)
		panic(http.ErrAbortHandler) // the status is out: only a broken connection still says that this is not the blob
	}
	return nil
}

func blobHeader(w http.ResponseWriter, ref artifacts.Ref) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Length", strconv.FormatInt(ref.Size, 10))
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
}

// putBlob stores the body under its digest, which must be the one named. What
// is there already is not read again.
func (s *Server) putBlob(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	if ref, err := s.cfg.Store.Stat(r.Context(), d); err == nil && (r.ContentLength < 0 || r.ContentLength == ref.Size) {
		return writeJSON(w, ref)
	}
	if r.ContentLength > s.cfg.MaxUpload {
		return &problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("the blob has %d bytes, at most %d are taken", r.ContentLength, s.cfg.MaxUpload), ""}
	}
	body := http.MaxBytesReader(w, r.Body, s.cfg.MaxUpload)
	ref, err := s.cfg.Store.PutExpect(r.Context(), body, d, r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return writeJSON(w, ref)
}
