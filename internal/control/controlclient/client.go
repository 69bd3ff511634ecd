package controlclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds a JSON answer, in bytes.
const maxAnswer = 64 << 20

// Client speaks to one control API. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New makes a client of the API at base ("http://127.0.0.1:8470"). The token may be empty where the API asks for none.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("control API address %q: write http://host:port or https://host:port", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 5 * time.Minute // the server answers once a blob is stored for good
	return &Client{base: u, token: token, http: &http.Client{Transport: transport}}, nil
}

// URL is the address of a path of the API, for links.
func (c *Client) URL(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
	}
	return c.base.JoinPath(escaped...).String()
}

// Error is an answer that says no.
type Error struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// Message says what is wrong.
	Message string `json:"error"`
	// Hint says what to do; may be empty.
	Hint string `json:"hint,omitempty"`
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// IsNotFound tells whether err is an answer that the named thing does not exist.
func IsNotFound(err error) bool {
	var answer *Error
	return errors.As(err, &answer) && answer.Status == http.StatusNotFound
}

// get reads the JSON at path into out.
func (c *Client) get(ctx context.Context, out any, query url.Values, path ...string) error {
	req, err := c.request(ctx, http.MethodGet, nil, query, path...)
	if err != nil {
		return err
	}
	answer, err := c.do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s: %w", req.URL, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method string, body io.Reader, query url.Values, path ...string) (*http.Request, error) {
	address := c.URL(append([]string{"api", "v1"}, path...)...)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("ask the control API: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// do sends a request; any answer but 2xx is an *Error.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("nothing listens at %s: start slipwayd, or name the control API with --control: %w", c.base, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the control API: %w", err)
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	said := &Error{Status: answer.StatusCode}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil || json.Unmarshal(text, said) != nil || said.Message == "" {
		said.Message = strings.TrimSpace(fmt.Sprintf("%s %s answers %s", req.Method, req.URL, answer.Status))
	}
	return nil, said
}
