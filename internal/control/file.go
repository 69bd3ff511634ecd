package control

import (
	"fmt"
	"net/http"

	"github.com/slipway-ml/slipway/artifacts"
)

// statFile answers HEAD: whether the data repository has the file. One that it
// has is left alone by collections for a while, so that it can become part of a version.
func (s *Server) statFile(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	there, err := s.cfg.Data.HasFile(r.Context(), d)
	if err == nil && !there {
		err = &artifacts.Error{Op: "stat file", Digest: d, Err: artifacts.ErrNotFound}
	}
	return err
}

// putFile stores the body, a file of data, in the chunks of the data repository;
// its digest must be the one named. What is there already is not read again.
func (s *Server) putFile(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	switch there, err := s.cfg.Data.HasFile(r.Context(), d); {
	case err != nil:
		return err
	case there:
		return writeJSON(w, map[string]artifacts.Digest{"digest": d})
	case r.ContentLength > s.cfg.MaxUpload:
		return &problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("the file has %d bytes, at most %d are taken", r.ContentLength, s.cfg.MaxUpload),
			"add it with 'slipway data add' and name the data version in the release spec"}
	}
	if _, err := s.cfg.Data.AddFile(r.Context(), http.MaxBytesReader(w, r.Body, s.cfg.MaxUpload), d); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return writeJSON(w, map[string]artifacts.Digest{"digest": d})
}
