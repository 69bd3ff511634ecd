package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"
)

// objects is the backend of an object store. An upload there is atomic and
// durable once acknowledged, so there is nothing to settle.
type objects struct {
	bucket *blob.Bucket
	stall  time.Duration
}

var _ backend = objects{}

func openMemory() (*blob.Bucket, backend) {
	bucket := memblob.OpenBucket(nil)
	return bucket, objects{bucket: bucket}
}

// errNoBucket tells a missing bucket from a missing blob: S3 answers 404 to both.
var errNoBucket = errors.New("the bucket does not exist: create it first")

func openS3(ctx context.Context, u *url.URL, stall time.Duration) (*blob.Bucket, backend, error) {
	bucket, err := openS3Bucket(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	ok, err := bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = errNoBucket
	}
	if err != nil {
		return nil, nil, errors.Join(err, bucket.Close())
	}
	return bucket, objects{bucket: bucket, stall: stall}, nil
}

func openS3Bucket(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	const validationParam = "response_checksum_validation"
	q := u.Query()
	prefix := q.Get(prefixParam)
	q.Del(prefixParam)
	if !q.Has(validationParam) {
		// Every read is checked against its SHA-256. The SDK's CRC would cost time
		// and report the same damage under another name.
		q.Set(validationParam, "when_required")
	}
	plain := *u
	plain.RawQuery = q.Encode()
	opener := &s3blob.URLOpener{}
	bucket, err := opener.OpenBucketURL(ctx, &plain)
	if err == nil {
		bucket, err = openMoving(ctx, opener, bucket, plain.Host)
	}
	if err != nil || prefix == "" {
		return bucket, err
	}
	return blob.PrefixedBucket(bucket, prefix), nil
}

func (o objects) spoolTo() spoolPlace { return spoolPlace{dir: os.TempDir()} }

func (o objects) commit(ctx context.Context, key string, sp *spool, mediaType string) error {
	w := watch(ctx, o.stall)
	defer w.end()
	if mediaType == "" {
		mediaType = "application/octet-stream" // or the driver would guess from the bytes
	}
	err := o.bucket.Upload(w.ctx, key, &uploadBody{r: sp.content(), w: w}, &blob.WriterOptions{
		ContentType: mediaType,
		BufferSize:  partSize(sp.stored),
	})
	if cause := context.Cause(w.ctx); err != nil && cause != nil {
		return cause
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		return errNoBucket // a write needs nothing else to be there
	}
	return err
}

func (o objects) settle(context.Context, string) error { return nil }

func (o objects) list(ctx context.Context, prefix string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		w := watch(ctx, o.stall)
		defer w.end()
		it := o.bucket.List(&blob.ListOptions{Prefix: prefix})
		for {
			w.moved()
			obj, err := it.Next(w.ctx)
			w.pause()
			if errors.Is(err, io.EOF) {
				return
			}
			// Memory does not look at the context, and what the others make of it
			// says less than its cause.
			if cause := context.Cause(w.ctx); cause != nil {
				err = cause
			}
			if err != nil {
				yield(entry{}, err)
				return
			}
			if !yield(entry{key: obj.Key, size: obj.Size, written: obj.ModTime}, nil) {
				return
			}
		}
	}
}

// partSize returns the part size in bytes for content of the given size: 8 MiB,
// and more for what would not fit into the 10,000 parts that S3 allows.
func partSize(size int64) int {
	const part, parts = 8 << 20, 10_000
	return int(max(part, (size+parts-1)/parts))
}

// uploadBody reports progress to the watchdog. When the spool cannot be read
// it ends the context, without which some drivers store the part they got.
type uploadBody struct {
	r io.Reader
	w *watchdog
}

func (b *uploadBody) Read(p []byte) (int, error) {
	b.w.moved()
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read spooled content: %w", err)
		b.w.cancel(err)
	}
	return n, err
}
