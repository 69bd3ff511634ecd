package mlflowclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxAnswer bounds what is read of an answer in JSON, in bytes.
	maxAnswer = 64 << 20
	// answerTime bounds the wait for the head of an answer; a file may take longer to arrive.
	answerTime = time.Minute
)

// Credentials are what a request carries: the token, else user and password,
// else nothing.
type Credentials struct {
	Token          string
	User, Password string
}

// Client talks to one MLflow tracking server. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
	with Credentials
}

// New makes a client of the server at uri, http:// or https://.
func New(uri string, with Credentials) (*Client, error) {
	base, err := url.Parse(uri)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("write http://host:port or https://host:port of an MLflow server")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTime
	return &Client{base: base, http: &http.Client{Transport: transport}, with: with}, nil
}

// Host is the server's host, for people.
func (c *Client) Host() string { return c.base.Host }

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get sends a GET to a path below /api/2.0/ with pairs of parameters and reads the answer, JSON.
func (c *Client) Get(ctx context.Context, into any, where string, pairs ...string) error {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	body, err := c.Open(ctx, where, query)
	if err != nil {
		return err
	}
	return read(body, into, where)
}

// Open sends a GET; the caller closes the body.
func (c *Client) Open(ctx context.Context, where string, query url.Values) (io.ReadCloser, error) {
	return c.do(ctx, http.MethodGet, where, query, http.NoBody, 0)
}

// Post sends JSON and, unless into is nil, reads the answer.
func (c *Client) Post(ctx context.Context, where string, in, into any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("ask MLflow: %s: %w", where, err)
	}
	body, err := c.do(ctx, http.MethodPost, where, nil, bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return err
	}
	return read(body, into, where)
}

// artifacts is the path of the server's artifact proxy.
const artifacts = "mlflow-artifacts/artifacts/"

// OpenFile opens a file of the artifact proxy; the caller closes it.
func (c *Client) OpenFile(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.Open(ctx, artifacts+path, nil)
}

// PutFile stores size bytes at a path of the artifact proxy, in place of what is there.
func (c *Client) PutFile(ctx context.Context, path string, size int64, content io.Reader) error {
	body, err := c.do(ctx, http.MethodPut, artifacts+path, nil, content, size)
	if err != nil {
		return err
	}
	return read(body, nil, path)
}

// DeleteFile deletes a file of the artifact proxy.
func (c *Client) DeleteFile(ctx context.Context, path string) error {
	body, err := c.do(ctx, http.MethodDelete, artifacts+path, nil, http.NoBody, 0)
	if err != nil {
		return err
	}
	return read(body, nil, path)
}

// read reads an answer to its end, so that its connection can be used again.
func read(body io.ReadCloser, into any, where string) error {
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("read MLflow's answer to %s: %w", where, err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, where string, query url.Values, content io.Reader, size int64) (io.ReadCloser, error) {
	at := c.base.JoinPath("api/2.0")
	at.Path += "/" + where
	at.RawPath = ""
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, at.String(), content)
	if err != nil {
		return nil, fmt.Errorf("ask MLflow: %w", err)
	}
	if size > 0 {
		req.ContentLength = size
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	switch {
	case c.with.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.with.Token)
	case c.with.User != "":
		req.SetBasicAuth(c.with.User, c.with.Password)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask MLflow: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // the status says enough
	failed := &Error{Host: c.base.Host, Where: where, Status: answer.StatusCode}
	if json.Unmarshal(text, failed) != nil || failed.Message == "" {
		failed.Message = strings.ToLower(http.StatusText(answer.StatusCode))
	}
	return nil, failed
}
