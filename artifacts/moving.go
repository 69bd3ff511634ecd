package artifacts

import (
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// watched is the key under which a context carries the watchdog that ends it. As with
// net/http/httptrace, nothing else gets through the SDK to where bytes move.
type watched struct{}

// movingClient tells the watchdog of a request of each piece of its body that the connection
// takes, and of each that comes back. The SDK itself shows only that it took up a part, of many megabytes.
type movingClient struct{ s3.HTTPClient }

// Do implements s3.HTTPClient.
func (c movingClient) Do(r *http.Request) (*http.Response, error) {
	w, ok := r.Context().Value(watched{}).(*watchdog)
	if !ok {
		return c.HTTPClient.Do(r)
	}
	out := r.WithContext(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		out.Body = movingBody{r.Body, w}
	}
	if get := r.GetBody; get != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := get()
			return movingBody{body, w}, err
		}
	}
	resp, err := c.HTTPClient.Do(out)
	if err == nil {
		w.moved()
	}
	return resp, err
}

// movingBody is the body of a request that is being sent.
type movingBody struct {
	io.ReadCloser
	w *watchdog
}

// Read implements io.Reader.
func (b movingBody) Read(p []byte) (int, error) {
	b.w.moved()
	return b.ReadCloser.Read(p)
}

// openMoving opens a bucket whose requests tell their watchdogs what moves.
func openMoving(ctx context.Context, opener *s3blob.URLOpener, bucket *blob.Bucket, name string) (*blob.Bucket, error) {
	var client *s3.Client
	if !bucket.As(&client) {
		return bucket, nil
	}
	options := client.Options()
	options.HTTPClient = movingClient{options.HTTPClient}
	return s3blob.OpenBucket(ctx, s3.New(options), name, &opener.Options)
}
