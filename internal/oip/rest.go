package oip

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// HeaderLength says how many bytes of a body are JSON; binary tensors follow.
const HeaderLength = "Inference-Header-Content-Length"

// HeaderTimeout bounds a request in seconds, a decimal number.
const HeaderTimeout = "X-Request-Timeout-Seconds"

// REST serves the protocol's paths, which begin with /v2.
type REST struct {
	backend  Backend
	admitter Admitter // nil: every request is read
	identity Identity
	maxBody  int64
	spare    sync.Pool // of *scratch
}

// NewREST serves b. A request's body has at most maxBody bytes, also once decompressed.
func NewREST(b Backend, id Identity, maxBody int64) *REST {
	s := &REST{backend: b, identity: id, maxBody: maxBody}
	s.spare.New = func() any { return &scratch{decoder: newDecoder()} }
	s.admitter, _ = b.(Admitter)
	return s
}

// handler answers with a value that is written as JSON, or writes for itself and answers nil.
type handler func(w http.ResponseWriter, r *http.Request) (any, error)

// Handler is all of it.
func (s *REST) Handler() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, h handler) { mux.Handle(path, s.answer(http.MethodGet, h)) }
	post := func(path string, h handler) { mux.Handle(path, s.answer(http.MethodPost, h)) }
	get("/v2", s.authorized(s.server))
	get("/v2/health/live", s.live)
	get("/v2/health/ready", s.ready)
	get("/v2/models/stats", s.authorized(s.statistics))
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		get(model, s.authorized(s.metadata))
		get(model+"/ready", s.modelReady)
		get(model+"/config", s.authorized(s.config))
		get(model+"/stats", s.authorized(s.statistics))
		post(model+"/infer", s.authorized(s.infer))
	}
	for _, repository := range []string{"/v2/repository", "/v2/repository/{repository}"} {
		post(repository+"/index", s.authorized(s.named(s.index)))
		post(repository+"/models/{model}/load", s.operator(s.named(s.load)))
		post(repository+"/models/{model}/unload", s.operator(s.named(s.unload)))
	}
	mux.Handle("/v2/trace/setting", s.setting(s.traceSetting))
	mux.Handle("/v2/models/{model}/trace/setting", s.setting(s.traceSetting))
	mux.Handle("/v2/logging", s.setting(s.logSettings))
	mux.Handle("/", s.answer("", func(http.ResponseWriter, *http.Request) (any, error) { return nil, Errorf(NotFound, "Not Found") }))
	return mux
}

// answer writes what a handler says.
func (s *REST) answer(method string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if method != "" && r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
			w.Header().Set("Allow", method)
			writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "Method Not Allowed"})
			return
		}
		out, err := h(w, r)
		switch {
		case err != nil:
			fail(w, err)
		case out != nil:
			writeJSON(w, http.StatusOK, out)
		}
	})
}

func fail(w http.ResponseWriter, err error) {
	code := codeOf(err)
	switch code {
	case Unavailable:
		w.Header().Set("Retry-After", "1")
	case Unauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, code.http(), map[string]string{"error": said(err)})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil { // what is written here is made of strings and numbers
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that went away is no trouble
}

// authorized lets requests with the right token through.
func (s *REST) authorized(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		if !s.backend.Authorized(bearer(r.Header.Get("Authorization"))) {
			return nil, Errorf(Unauthorized, "a bearer token is required: send the header Authorization: Bearer <token>")
		}
		return next(w, r)
	}
}

// bearer is the token of an Authorization header.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (s *REST) server(http.ResponseWriter, *http.Request) (any, error) {
	return map[string]any{"name": s.identity.Name, "version": s.identity.Version, "extensions": extensionsOf(s.backend)}, nil
}

func (s *REST) live(http.ResponseWriter, *http.Request) (any, error) {
	return map[string]bool{"live": true}, nil
}

func (s *REST) ready(w http.ResponseWriter, _ *http.Request) (any, error) {
	if s.backend.Ready() {
		return map[string]bool{"ready": true}, nil
	}
	writeJSON(w, http.StatusServiceUnavailable, map[string]bool{"ready": false})
	return nil, nil
}

func (s *REST) modelReady(w http.ResponseWriter, r *http.Request) (any, error) {
	m, err := s.backend.Metadata(r.PathValue("model"), r.PathValue("version"))
	if err == nil && m.Unready != nil {
		err = &Error{Code: Unavailable, Err: m.Unready}
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"name": m.Name, "ready": true}, nil
}

type wireInfo struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

func wireInfos(infos []onnx.Info) []wireInfo {
	out := make([]wireInfo, len(infos))
	for i, info := range infos {
		out[i] = wireInfo{info.Name, datatype(info.Type), append([]int64{}, info.Shape...)}
	}
	return out
}

func (s *REST) metadata(_ http.ResponseWriter, r *http.Request) (any, error) {
	m, err := s.backend.Metadata(r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"name": m.Name, "versions": m.Versions, "platform": m.Platform, "inputs": wireInfos(m.Inputs), "outputs": wireInfos(m.Outputs)}, nil
}

func (s *REST) statistics(_ http.ResponseWriter, r *http.Request) (any, error) {
	all, err := s.backend.Statistics(r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"model_stats": all}, nil
}
