package controlclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// HasBlob tells whether the store has a blob of this digest ("sha256:<hex>").
func (c *Client) HasBlob(ctx context.Context, digest string) (bool, error) {
	return c.has(ctx, "blobs", digest)
}

// HasFile tells whether the data repository has a file of this digest. One that
// it has is left alone by collections for long enough to start a release with it.
func (c *Client) HasFile(ctx context.Context, digest string) (bool, error) {
	return c.has(ctx, "files", digest)
}

func (c *Client) has(ctx context.Context, kind, digest string) (bool, error) {
	req, err := c.request(ctx, http.MethodHead, nil, nil, kind, digest)
	if err != nil {
		return false, err
	}
	answer, err := c.do(req)
	if IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s in %s: %w", digest, kind, err)
	}
	return true, answer.Body.Close()
}

// PutBlob stores size bytes of body, whose digest must be the one given. Bytes
// that are there already are not read.
func (c *Client) PutBlob(ctx context.Context, digest string, size int64, mediaType string, body io.Reader) error {
	return c.put(ctx, "blobs", digest, size, mediaType, body)
}

// PutFile stores a file of data in the chunks of the data repository, as PutBlob does.
func (c *Client) PutFile(ctx context.Context, digest string, size int64, body io.Reader) error {
	return c.put(ctx, "files", digest, size, "application/octet-stream", body)
}

func (c *Client) put(ctx context.Context, kind, digest string, size int64, mediaType string, body io.Reader) error {
	// A caller's Close is the caller's: the transport would close body otherwise.
	req, err := c.request(ctx, http.MethodPut, struct{ io.Reader }{body}, nil, kind, digest)
	if err != nil {
		return err
	}
	req.ContentLength = size
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	req.Header.Set("Expect", "100-continue")
	answer, err := c.do(req)
	if err != nil {
		return fmt.Errorf("store %s in %s: %w", digest, kind, err)
	}
	return answer.Body.Close()
}

// OpenBlob reads a blob. The caller closes it and, where it matters, checks the digest.
func (c *Client) OpenBlob(ctx context.Context, digest string) (io.ReadCloser, error) {
	req, err := c.request(ctx, http.MethodGet, nil, nil, "blobs", digest)
	if err != nil {
		return nil, err
	}
	answer, err := c.do(req)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", digest, err)
	}
	return answer.Body, nil
}
