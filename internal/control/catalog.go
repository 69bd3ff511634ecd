package control

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Limits of lists.
const (
	defaultLimit = 100
	maxLimit     = 1000
	// eventPage is the default number of events of one answer, and how many an export reads at a time.
	eventPage = 1000
	maxEvents = 10000
)

func (s *Server) info(w http.ResponseWriter, r *http.Request) error {
	gateways, err := s.cfg.Catalog.Gateways(r.Context(), time.Now().Add(-s.cfg.Alive))
	if err != nil {
		return err
	}
	return writeJSON(w, struct {
		Version   string            `json:"version"`
		Temporal  string            `json:"temporal"`
		Namespace string            `json:"namespace"`
		UI        string            `json:"ui,omitempty"`
		Gateways  []catalog.Gateway `json:"gateways"`
	}{s.cfg.Version, s.cfg.TemporalAddress, s.cfg.Namespace, s.cfg.UI, some(gateways)})
}

func (s *Server) releases(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	f := catalog.ReleaseFilter{Model: q.text("model"), Outcome: q.text("outcome"), Active: q.bool("active"), Limit: q.number("limit", defaultLimit, maxLimit)}
	if err := q.check(); err != nil {
		return err
	}
	found, err := s.cfg.Catalog.Releases(r.Context(), f)
	return writeList(w, "releases", found, err)
}

func (s *Server) release(w http.ResponseWriter, r *http.Request) error {
	found, err := s.cfg.Catalog.Release(r.Context(), r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return err
	}
	return writeJSON(w, found)
}

func (s *Server) dataVersions(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	name := q.text("name")
	if err := q.check(); err != nil {
		return err
	}
	found, err := s.cfg.Catalog.DataVersions(r.Context(), name)
	return writeList(w, "data", found, err)
}

// data is a data version with its uses, and with those of the files that are asked for that it has.
func (s *Server) data(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	paths := q.texts("path", maxLimit)
	if err := q.check(); err != nil {
		return err
	}
	found, err := s.cfg.Catalog.Data(r.Context(), r.PathValue("ref"))
	if err != nil {
		return err
	}
	uses, err := s.cfg.Catalog.DataUses(r.Context(), found.Digest)
	if err != nil {
		return err
	}
	var entries []artifacts.Entry
	if len(paths) > 0 && found.CollectedAt.IsZero() {
		files, err := s.cfg.Data.Files(r.Context(), found, paths)
		if err != nil {
			return err
		}
		entries = slices.SortedFunc(maps.Values(files), func(a, b artifacts.Entry) int { return cmp.Compare(a.Path, b.Path) })
	}
	return writeJSON(w, struct {
		catalog.DataVersion
		Entries []artifacts.Entry `json:"entries,omitempty"`
		Uses    []catalog.DataUse `json:"uses"`
	}{found, entries, some(uses)})
}

func (s *Server) routes(w http.ResponseWriter, r *http.Request) error {
	found, err := s.cfg.Catalog.Routes(r.Context())
	return writeList(w, "routes", found, err)
}

func (s *Server) monitors(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	limit := q.number("limit", defaultLimit, maxLimit)
	if err := q.check(); err != nil {
		return err
	}
	found, err := s.cfg.Catalog.MonitorReports(r.Context(), r.PathValue("model"), limit)
	return writeList(w, "reports", found, err)
}

// ndjson is the media type of one JSON value a line.
const ndjson = "application/x-ndjson"

// events is a page of the audit log; as ndjson it is the export: everything from there on, unless limited.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	f := catalog.EventFilter{
		Subject: q.text("subject"), SubjectPrefix: q.text("prefix"), Action: q.text("action"),
		Since: q.time("since"), Until: q.time("until"), AfterID: int64(q.number("after", 0, 1<<53)),
	}
	export := strings.Contains(r.Header.Get("Accept"), ndjson)
	most, otherwise := maxEvents, eventPage
	if export {
		most, otherwise = 1<<53, 0
	}
	f.Limit = q.number("limit", otherwise, most)
	if err := q.check(); err != nil {
		return err
	}
	if export {
		return s.exportEvents(w, r, f)
	}
	found, err := s.cfg.Catalog.Events(r.Context(), f)
	return writeList(w, "events", found, err)
}

// exportEvents reads page after page, so that a long log needs no memory. An
// error after the first page breaks the connection: a cut log must not look whole.
func (s *Server) exportEvents(w http.ResponseWriter, r *http.Request, f catalog.EventFilter) error {
	left := f.Limit
	for first := true; ; first = false {
		f.Limit = eventPage
		if left > 0 {
			f.Limit = min(left, eventPage)
		}
		found, err := s.cfg.Catalog.Events(r.Context(), f)
		if err != nil && first {
			return err
		}
		if first {
			w.Header().Set("Content-Type", ndjson)
		}
		lines := json.NewEncoder(w)
		for _, e := range found {
			f.AfterID = e.ID
			if err == nil {
				err = lines.Encode(e)
			}
		}
		if err != nil {
			s.cfg.Log.Warn("audit log not sent whole", "error", err)
			panic(http.ErrAbortHandler)
		}
		if left -= len(found); len(found) < f.Limit || left == 0 {
			return nil
		}
	}
}

// writeList answers {"<name>": […]}.
func writeList[T any](w http.ResponseWriter, name string, list []T, err error) error {
	if err != nil {
		return err
	}
	return writeJSON(w, map[string][]T{name: some(list)})
}

// some makes an empty list of none, so that it is [] and not null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
