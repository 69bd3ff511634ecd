package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// asker asks the gateway for the predictions of groups of lines.
type asker struct {
	client  *http.Client
	address string
	token   string
	model   string
	keys    []string
	timeout time.Duration
}

func (a *app) newAsker(o PredictOptions) (*asker, error) {
	gateway, err := a.gateway()
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	return &asker{
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.InFlight, Proxy: http.ProxyFromEnvironment}},
		address: strings.TrimSuffix(gateway, "/") + "/predict", token: token, model: o.Model, keys: o.Keys, timeout: o.Timeout,
	}, nil
}

// errLines says that lines, not the gateway or the way there, are at fault.
type errLines struct{ why string }

func (e errLines) Error() string { return e.why }

// errBusy says that asking again after a while can help.
var errBusy = errors.New("the gateway can't answer now")

// answer predicts lines, one entry each. An error says that the stream can't go on.
func (a *asker) answer(ctx context.Context, lines []streamLine) ([]streamed, error) {
	out := make([]streamed, len(lines))
	var rows []json.RawMessage
	var places []int
	for i, line := range lines {
		out[i] = streamed{Line: line.number, Error: line.bad}
		if line.bad == "" {
			out[i].Keys = a.keysOf(line.text)
			rows, places = append(rows, line.text), append(places, i)
		}
	}
	return out, a.fill(ctx, out, rows, places)
}

// fill predicts rows into their places of out: all at once, and where that fails
// in halves, so that only rows at fault fail.
func (a *asker) fill(ctx context.Context, out []streamed, rows []json.RawMessage, places []int) error {
	if len(rows) == 0 {
		return nil
	}
	answer, err := a.patiently(ctx, rows)
	var fault errLines
	switch {
	case errors.As(err, &fault) && len(rows) == 1:
		out[places[0]].Error = clean(fault.why)
		return nil
	case errors.As(err, &fault):
		half := len(rows) / 2
		if err := a.fill(ctx, out, rows[:half], places[:half]); err != nil {
			return err
		}
		return a.fill(ctx, out, rows[half:], places[half:])
	case err != nil:
		return err
	}
	for i, place := range places {
		o := &out[place]
		o.Prediction, o.Model, o.Version = answer.Prediction[i], answer.Model, answer.Version
		if answer.Probabilities != nil {
			o.Probabilities = answer.Probabilities[i]
		}
	}
	return nil
}

// groupAnswer is the gateway's answer to a list of rows.
type groupAnswer struct {
	Prediction    []json.RawMessage `json:"prediction"`
	Probabilities []json.RawMessage `json:"probabilities"`
	Model         string            `json:"model"`
	Version       string            `json:"version"`
}

// patiently asks again while the gateway is busy or away, within the timeout.
func (a *asker) patiently(ctx context.Context, rows []json.RawMessage) (groupAnswer, error) {
	body, err := json.Marshal(struct {
		Model string            `json:"model,omitempty"`
		Input []json.RawMessage `json:"input"`
	}{a.model, rows})
	if err != nil {
		return groupAnswer{}, fmt.Errorf("encode the request: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		answer, err := a.ask(limited, body, len(rows))
		if !errors.Is(err, errBusy) {
			return answer, err
		}
		select {
		case <-limited.Done():
			if ctx.Err() != nil {
				return answer, ctx.Err()
			}
			return answer, fmt.Errorf("no prediction within %s (--timeout): %w", a.timeout, err)
		case <-time.After(wait):
		}
	}
}

// ask asks once.
func (a *asker) ask(ctx context.Context, body []byte, rows int) (groupAnswer, error) {
	var answer groupAnswer
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.address, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("gateway address: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return answer, fmt.Errorf("%w (name another with --gateway): %w", errBusy, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxPrediction))
	if err != nil {
		return answer, fmt.Errorf("%w: read its answer: %w", errBusy, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return answer, fmt.Errorf("%w: %s: %s", errBusy, resp.Status, said(text))
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusInternalServerError:
		return answer, errLines{said(text)}
	default: // the token, the model: no line would fare better
		return answer, fmt.Errorf("the gateway answers %s: %s", resp.Status, said(text))
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Prediction) != rows || answer.Probabilities != nil && len(answer.Probabilities) != rows {
		return answer, fmt.Errorf("the gateway's answer has not one prediction a row: %s", clean(excerpt(text)))
	}
	return answer, nil
}

// said is the error that an answer holds.
func said(answer []byte) string {
	var e struct{ Error string }
	if json.Unmarshal(answer, &e) != nil || e.Error == "" {
		e.Error = excerpt(answer)
	}
	return clean(e.Error)
}

// keysOf are the values of the key columns of a row.
func (a *asker) keysOf(row []byte) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	if len(a.keys) == 0 || json.Unmarshal(row, &all) != nil {
		return nil
	}
	keys := map[string]json.RawMessage{}
	for _, k := range a.keys {
		if v, ok := all[k]; ok {
			keys[k] = v
		}
	}
	return keys
}
