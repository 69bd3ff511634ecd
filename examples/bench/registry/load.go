package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// figures are the times of each kind of request, in seconds.
type figures struct {
	Batch  []float64 `json:"batch"`
	Create []float64 `json:"create"`
	Search []float64 `json:"search"`
}

// query is one search; Next asks for the second page.
type query struct {
	Filter string   `json:"filter"`
	Order  []string `json:"order_by"`
	Next   bool     `json:"next,omitempty"`
}

// queries are the searches of a round, each for 100 runs.
func queries() []query {
	return []query{
		{Order: []string{}},
		{Filter: "metrics.m3 > 0.9 AND params.p0 = 'v3'", Order: []string{}},
		{Order: []string{"metrics.m5 DESC"}},
		{Order: []string{"metrics.m5 DESC"}, Next: true},
		{Filter: "tags.t2 = 'w5' AND metrics.m0 < 0.1", Order: []string{"metrics.m0 ASC"}},
		{Filter: "params.p2 LIKE 'v1%' AND attributes.status = 'FINISHED'", Order: []string{"attributes.start_time ASC"}},
	}
}

// searchPage is how many runs a search asks for: what MLflow's pages do.
const searchPage = 100

// batch is the body of a log-batch request of 1,000 metrics, another one each time.
func batch(run string, n int) map[string]any {
	metrics := make([]map[string]any, 1000)
	for i := range metrics {
		metrics[i] = map[string]any{"key": "m" + strconv.Itoa(i%10), "value": float64(i) / 7, "timestamp": 1_700_000_000_000 + int64(n*1000+i), "step": n*100 + i/10}
	}
	return map[string]any{"run_id": run, "metrics": metrics}
}

// loadHTTP sends requests over one connection that stays open.
func (b *bench) loadHTTP(ctx context.Context, s *server) (figures, error) {
	h := &plain{ctx: ctx, base: s.url + "/api/2.0/mlflow/", client: &http.Client{Timeout: 10 * time.Minute}}
	var f figures
	create := map[string]any{"experiment_id": "0", "user_id": "bench", "run_name": "made", "start_time": 1_700_000_000_000,
		"tags": []map[string]string{{"key": "mlflow.user", "value": "bench"}, {"key": "mlflow.source.type", "value": "LOCAL"}}}
	var made struct {
		Run struct {
			Info struct {
				RunID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	// The first of each kind is not counted: servers open connections and fill caches then.
	for i := range b.size.creates + 1 {
		h.time(&f.Create, i > 0, "runs/create", create, &made)
	}
	for i := range b.size.batches + 1 {
		h.time(&f.Batch, i > 0, "runs/log-batch", batch(made.Run.Info.RunID, i), nil)
	}
	for i := range b.size.rounds + 1 {
		var last struct {
			Runs []json.RawMessage `json:"runs"`
			Next string            `json:"next_page_token"`
		}
		for _, q := range queries() {
			body := map[string]any{"experiment_ids": []string{"1"}, "filter": q.Filter, "order_by": q.Order, "max_results": searchPage}
			if q.Next {
				body["page_token"] = last.Next
			}
			last.Runs, last.Next = nil, ""
			h.time(&f.Search, i > 0, "runs/search", body, &last)
			if h.err == nil && len(last.Runs) == 0 {
				h.err = fmt.Errorf("search %q found nothing", q.Filter)
			}
		}
	}
	return f, h.err
}

// plain sends JSON until something fails.
type plain struct {
	ctx    context.Context
	base   string
	client *http.Client
	err    error
}

// time adds the seconds from the request's first byte to the answer's last.
func (h *plain) time(to *[]float64, count bool, path string, body, into any) {
	if h.err != nil {
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		h.err = err
		return
	}
	request, err := http.NewRequestWithContext(h.ctx, http.MethodPost, h.base+path, bytes.NewReader(text))
	if err != nil {
		h.err = err
		return
	}
	request.Header.Set("Content-Type", "application/json")
	began := time.Now()
	answer, err := h.client.Do(request)
	if err != nil {
		h.err = err
		return
	}
	got, err := io.ReadAll(answer.Body)
	seconds := time.Since(began).Seconds()
	h.err = errors.Join(err, answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		h.err = fmt.Errorf("%s: %s: %.300s", path, answer.Status, got)
	}
	if count {
		*to = append(*to, seconds)
	}
	if h.err == nil && into != nil {
		h.err = json.Unmarshal(got, into)
	}
}

// loadPython runs the same load through the stock client, which times its own calls.
func (b *bench) loadPython(ctx context.Context, s *server) (figures, error) {
	settings, err := json.Marshal(map[string]any{"uri": s.url, "creates": b.size.creates, "batches": b.size.batches, "rounds": b.size.rounds, "queries": queries(), "page": searchPage})
	if err != nil {
		return figures{}, err
	}
	cmd := exec.CommandContext(ctx, b.python, b.client, string(settings))
	cmd.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true", "GIT_PYTHON_REFRESH=quiet")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return figures{}, fmt.Errorf("%w: %s", err, stderr.Bytes()[max(0, stderr.Len()-2000):])
	}
	var f figures
	err = json.Unmarshal(out, &f)
	return f, err
}
