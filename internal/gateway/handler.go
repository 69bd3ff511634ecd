package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Headers that requests may carry.
const (
	// HeaderSubject names whom a request is for; it wins over the field "subject".
	HeaderSubject = "X-Slipway-Subject"
	// HeaderRequestID is echoed and logged; one is made up if it is missing.
	HeaderRequestID = "X-Request-Id"
)

// predictResponse answers POST /predict. Prediction and Probabilities are
// lists if the input was a list of rows.
type predictResponse struct {
	Prediction    any     `json:"prediction"`
	Probabilities any     `json:"probabilities,omitempty"`
	LatencyMS     float64 `json:"latency_ms"`
	Status        string  `json:"status"` // "ok"
	Model         string  `json:"model"`
	Version       string  `json:"version"`
	RequestID     string  `json:"request_id"`
}

// errorResponse answers whatever went wrong.
type errorResponse struct {
	Error     string `json:"error"`
	Status    string `json:"status"` // "error"
	Model     string `json:"model,omitempty"`
	Version   string `json:"version,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

func (g *Gateway) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/predict", g.only(http.MethodPost, g.servePredict))
	mux.Handle("/health", g.only(http.MethodGet, g.serveHealth))
	mux.Handle("/metrics", g.only(http.MethodGet, promhttp.HandlerFor(g.cfg.Registry, promhttp.HandlerOpts{}).ServeHTTP))
	protocol := oip.NewREST(inference{g}, g.identity(), g.cfg.MaxBody).Handler()
	mux.Handle("/v2", protocol)
	mux.Handle("/v2/", protocol)
	mux.Handle("/{$}", g.only(http.MethodGet, g.serveIndex))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		g.fail(w, http.StatusNotFound, errorResponse{Error: "no such page: there are POST /predict, GET /health, GET /metrics and the inference protocol under /v2"})
	})
	return g.tracing.headers(g.budget.bodies(g.straight(mux), func(ctx context.Context, err error) { g.tracing.refused(ctx, "", "", err) }))
}

// straight turns away paths that lead up or round about, which a ServeMux would answer with a redirect.
func (g *Gateway) straight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.EscapedPath() // a name that was escaped is for those who know names
		if clean := path.Clean(p); clean != p && clean != strings.TrimSuffix(p, "/") {
			g.fail(w, http.StatusNotFound, errorResponse{Error: "no such page: the path has .., . or // in it"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// only lets one method through, HEAD beside GET.
func (g *Gateway) only(method string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead) {
			w.Header().Set("Allow", method)
			g.fail(w, http.StatusMethodNotAllowed, errorResponse{Error: fmt.Sprintf("%s takes %s", r.URL.Path, method)})
			return
		}
		next(w, r)
	})
}

func (g *Gateway) servePredict(w http.ResponseWriter, r *http.Request) {
	id := requestID(r)
	w.Header().Set(HeaderRequestID, id)
	req, status, err := g.readPredict(w, r)
	if err != nil {
		g.fail(w, status, errorResponse{Error: err.Error(), RequestID: id})
		return
	}
	a, err := g.predict(r.Context(), id, req)
	if err != nil {
		g.refuse(w, a.key, id, err)
		return
	}
	out := predictResponse{
		LatencyMS: milliseconds(a.latency), Status: "ok", Model: a.key.Model, Version: a.key.Version, RequestID: id,
	}
	out.Prediction, out.Probabilities = shape(a.predictions, req.Many)
	g.reply(w, http.StatusOK, out)
}

// readPredict checks and decodes a request; the status says whose fault an error is.
func (g *Gateway) readPredict(w http.ResponseWriter, r *http.Request) (predictRequest, int, error) {
	if !g.authorised(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return predictRequest{}, http.StatusUnauthorized, errors.New("a bearer token is required: send the header Authorization: Bearer <token>")
	}
	if err := checkMedia(r); err != nil {
		return predictRequest{}, http.StatusUnsupportedMediaType, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.cfg.MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, errOverBudget):
		w.Header().Set("Retry-After", "1")
		return predictRequest{}, http.StatusServiceUnavailable, errOverBudget
	case errors.As(err, &large):
		return predictRequest{}, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d bytes: send fewer rows at once", large.Limit)
	case err != nil:
		return predictRequest{}, http.StatusBadRequest, errors.New("the body could not be read to its end")
	}
	if h, ok := r.Body.(oip.Holder); ok {
		if _, err := h.Hold(predictCosts.Of(body)); errors.Is(err, errTooManyValues) {
			return predictRequest{}, http.StatusRequestEntityTooLarge, errTooManyValues
		} else if err != nil {
			w.Header().Set("Retry-After", "1")
			return predictRequest{}, http.StatusServiceUnavailable, errOverBudget
		}
	}
	req, err := decodePredict(body, g.cfg.MaxRows)
	if err != nil {
		return predictRequest{}, http.StatusBadRequest, err
	}
	if s := r.Header.Get(HeaderSubject); s != "" {
		if len(s) > maxSubject {
			return predictRequest{}, http.StatusBadRequest, fmt.Errorf("%s: longer than %d bytes", HeaderSubject, maxSubject)
		}
		req.Subject = s
	}
	return req, 0, nil
}

// refuse answers a prediction that failed, by whose fault it was.
func (g *Gateway) refuse(w http.ResponseWriter, key serving.Key, id string, err error) {
	out := errorResponse{Error: err.Error(), Model: key.Model, Version: key.Version, RequestID: id}
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, errUnknownModel):
		status = http.StatusNotFound
	case errors.Is(err, serving.ErrInput):
		status = http.StatusBadRequest
	case errors.Is(err, serving.ErrNotReady), errors.Is(err, serving.ErrBusy), errors.Is(err, errOverBudget):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	g.sayPanic(key, id, err)
	g.fail(w, status, out)
}

// sayPanic logs the stack of a panic inside a model, which the caller is not told.
func (g *Gateway) sayPanic(key serving.Key, id string, err error) {
	var panicked *serving.PanicError
	if errors.As(err, &panicked) {
		g.cfg.Logger.Error("a prediction panicked", "model", key.Model, "version", key.Version, "request_id", id, "panic", panicked.Value, "stack", string(panicked.Stack))
	}
}

func (g *Gateway) serveIndex(w http.ResponseWriter, _ *http.Request) {
	models := map[string]string{}
	for name, r := range g.table.Routes() {
		models[name] = r.Stable
	}
	g.reply(w, http.StatusOK, map[string]any{
		"service":   "slipway gateway",
		"models":    models,
		"endpoints": []string{"POST /predict", "GET /health", "GET /metrics", "GET /v2"},
	})
}

// shape is the answer as the request had its input: one, or a list.
func shape(ps []feature.Prediction, many bool) (predictions, probabilities any) {
	values := make([]any, len(ps))
	scores := make([][]float64, len(ps))
	scored := false
	for i, p := range ps {
		switch {
		case p.Label != nil:
			values[i] = *p.Label
		case p.Value != nil:
			values[i] = *p.Value
		default:
			values[i] = p.LabelText
		}
		scores[i] = p.Probabilities
		scored = scored || p.Probabilities != nil
	}
	switch {
	case many && scored:
		return values, scores
	case many:
		return values, nil
	case scored:
		return values[0], scores[0]
	}
	return values[0], nil
}

// authorised compares the bearer token in constant time.
func (g *Gateway) authorised(r *http.Request) bool {
	if g.cfg.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "bearer") && g.knows(strings.TrimSpace(token))
}

// knows tells whether a token is one that requests need, if they need one. An
// operator may do what others may.
func (g *Gateway) knows(token string) bool {
	return g.cfg.Token == "" || same(token, g.cfg.Token) || g.cfg.OperatorToken != "" && same(token, g.cfg.OperatorToken)
}

// same compares tokens in constant time.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// checkMedia takes JSON, and what clients say that do not say what they send:
// curl calls every -d a form.
func checkMedia(r *http.Request) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return fmt.Errorf("Content-Encoding %q is not taken: send plain JSON", clip(e))
	}
	header := r.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "application/x-www-form-urlencoded" || kind == "application/octet-stream") {
		return nil
	}
	return fmt.Errorf("Content-Type %q is not taken: send application/json", clip(header))
}

// requestID is the client's, if it is short and printable, or a new one.
func requestID(r *http.Request) string {
	const most = 64
	id := r.Header.Get(HeaderRequestID)
	plain := id != "" && len(id) <= most && strings.IndexFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
	if plain {
		return id
	}
	return randomID()
}

// randomID is 96 random bits as text.
func randomID() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

func (g *Gateway) fail(w http.ResponseWriter, status int, e errorResponse) {
	const most = 1900 // the texts of some errors grow with what was sent
	e.Status, e.Error = "error", clipTo(e.Error, most)
	g.reply(w, status, e)
}

func (g *Gateway) reply(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		g.cfg.Logger.Error("an answer could not be written", "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written","status":"error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that went away is no trouble
}
