package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// jsonType is how a body of JSON is announced.
const jsonType = "application/json"

// restEndpoint posts a body to a path of address, host:port; read reads the answer.
func restEndpoint(address, path string, body []byte, read func([]byte) (answer, error)) *endpoint {
	e := &endpoint{url: "http://" + address + path, body: body}
	e.ask = func(ctx context.Context) (_ answer, _ int, err error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
		if err != nil {
			return nil, 0, err
		}
		r.Header.Set("Content-Type", jsonType)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, 0, err
		}
		defer func() { err = errors.Join(err, response.Body.Close()) }()
		text, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%d: %.300s", response.StatusCode, text)
		}
		if err != nil {
			return nil, 0, err
		}
		got, err := read(text)
		return got, len(text), err
	}
	return e
}
