package oip

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// HeaderLength says how many bytes of a body are JSON; binary tensors follow.
const HeaderLength = "Inference-Header-Content-Length"

// HeaderTimeout bounds a request in seconds, a decimal number.
const HeaderTimeout = "X-Request-Timeout-Seconds"

// minCompressed is how large a response is before it is compressed.
const minCompressed = 1 << 10

// REST serves the protocol's paths, which begin with /v2.
type REST struct {
	backend  Backend
	admitter Admitter // nil: every request is read
	identity Identity
	maxBody  int64
}

// NewREST serves b. A request's body has at most maxBody bytes, also once decompressed.
func NewREST(b Backend, id Identity, maxBody int64) *REST {
	s := &REST{backend: b, identity: id, maxBody: maxBody}
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
	post("/v2/repository/index", s.authorized(s.index))
	post("/v2/repository/models/{model}/load", s.operator(s.load))
	post("/v2/repository/models/{model}/unload", s.operator(s.unload))
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
	writeJSON(w, code.http(), map[string]string{"error": err.Error()})
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

func (s *REST) infer(w http.ResponseWriter, r *http.Request) (any, error) {
	body, err := s.read(w, r)
	if err != nil {
		return nil, err
	}
	model, version := r.PathValue("model"), r.PathValue("version")
	if s.admitter != nil && !bytes.Contains(body, []byte(`"priority"`)) { // what has none is not worth reading if it is refused
		if err := s.admitter.Admits(model, version); err != nil {
			return nil, err
		}
	}
	header, err := headerLength(r.Header.Get(HeaderLength), len(body))
	if err != nil {
		return nil, err
	}
	var req Request
	switch {
	case header == 0:
		m, err := s.backend.Metadata(model, version)
		if err != nil {
			return nil, err
		}
		if req, err = rawRequest(m.Inputs, body); err != nil {
			return nil, err
		}
		req.Parameters = map[string]any{"binary_data_output": true}
	case header > 0:
		req, err = decodeRequest(body[:header], body[header:])
	default:
		req, err = decodeRequest(body, nil)
	}
	if err != nil {
		return nil, err
	}
	req.Model, req.Version = model, version
	ctx, cancel, err := bounded(r.Context(), r.Header.Get(HeaderTimeout), req.Parameters)
	if err != nil {
		return nil, err
	}
	defer cancel()
	resp, err := s.backend.Infer(ctx, req)
	if err != nil {
		return nil, late(r.Context(), ctx, err)
	}
	binary, _ := req.Parameters["binary_data_output"].(bool)
	outs, err := choose(req, resp.Outputs, binary)
	if err != nil {
		return nil, err
	}
	out, length, err := appendResponse(nil, req, resp, outs)
	if err != nil {
		return nil, err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if length >= 0 {
		h.Set("Content-Type", "application/octet-stream")
		h.Set(HeaderLength, strconv.Itoa(length))
	}
	send(w, r.Header.Get("Accept-Encoding"), out)
	return nil, nil
}

// bounded applies what a request says about its time: the header in seconds, the
// parameter timeout in microseconds; the shorter counts.
func bounded(ctx context.Context, header string, p map[string]any) (context.Context, context.CancelFunc, error) {
	limit := time.Duration(0)
	if header != "" {
		seconds, err := strconv.ParseFloat(header, 64)
		if err != nil || !(seconds > 0) || seconds > 86400 {
			return nil, nil, Errorf(Invalid, "%s is %q: want seconds, above 0 and at most a day", HeaderTimeout, clip(header))
		}
		limit = time.Duration(seconds * float64(time.Second))
	}
	if us, ok := p["timeout"].(int64); ok && us > 0 && us < int64(24*time.Hour/time.Microsecond) {
		if d := time.Duration(us) * time.Microsecond; limit == 0 || d < limit {
			limit = d
		}
	}
	if limit == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, cancel, nil
}

// late says of an error whether the request's time was over, or its client gone.
func late(outer, inner context.Context, err error) error {
	switch {
	case errors.Is(outer.Err(), context.Canceled):
		return Errorf(Gone, "the request was cancelled: %w", err)
	case inner.Err() != nil && codeOf(err) == Internal:
		return Errorf(Expired, "Request timeout expired: %w", err)
	}
	return err
}

// read takes a body of at most maxBody bytes, decompressed.
func (s *REST) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "" {
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/json", "application/octet-stream", "application/x-www-form-urlencoded", "application/vnd.sagemaker-triton.binary+json":
		default:
			return nil, Errorf(MediaType, "Content-Type %q is not taken: send application/json or application/octet-stream", clip(kind))
		}
	}
	var body io.Reader = http.MaxBytesReader(w, r.Body, s.maxBody)
	var err error
	switch e := strings.ToLower(r.Header.Get("Content-Encoding")); e {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	default:
		return nil, Errorf(MediaType, "Content-Encoding %q is not taken: send gzip, deflate or nothing", clip(e))
	}
	if err != nil {
		return nil, Errorf(Invalid, "the body is not compressed as Content-Encoding says: %w", err)
	}
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= min(s.maxBody, 1<<16) {
		buf.Grow(int(n) + bytes.MinRead) // to read its end too; more is allocated when it has come
	}
	n, err := buf.ReadFrom(io.LimitReader(body, s.maxBody+1))
	var large *http.MaxBytesError
	var known *Error
	switch {
	case errors.As(err, &known): // of a body that knows better
		return nil, known
	case errors.As(err, &large), n > s.maxBody:
		return nil, Errorf(TooLarge, "the body is larger than %d bytes: send fewer rows at once", s.maxBody)
	case err != nil:
		return nil, Errorf(Invalid, "the body could not be read to its end: %w", err)
	}
	return buf.Bytes(), nil
}

// send writes a response, compressed if the client takes it and it is worth it.
func send(w http.ResponseWriter, accept string, body []byte) {
	encoding := ""
	if len(body) >= minCompressed {
		switch {
		case strings.Contains(accept, "gzip"):
			encoding = "gzip"
		case strings.Contains(accept, "deflate"):
			encoding = "deflate"
		}
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if encoding == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // a client that went away is no trouble
		return
	}
	w.Header().Set("Content-Encoding", encoding)
	var z io.WriteCloser
	if encoding == "gzip" {
		z, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a valid one
	} else {
		z, _ = zlib.NewWriterLevel(w, zlib.BestSpeed)
	}
	_, _ = z.Write(body)
	_ = z.Close()
}

func (s *REST) server(http.ResponseWriter, *http.Request) (any, error) {
	return map[string]any{"name": s.identity.Name, "version": s.identity.Version, "extensions": extensions}, nil
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
