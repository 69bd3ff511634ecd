package artifacts

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Forget takes blobs off the record that Verify found damaged or missing, so that
// adding the data again stores them anew. Until then what needs them fails with
// ErrNotFound in place of ErrDamaged.
func (r *Repository) Forget(ctx context.Context, blobs []BlobName) error {
	sums := make([]blobindex.Sum, len(blobs))
	for i, name := range blobs {
		var err error
		if sums[i], err = name.sum(); err != nil {
			return r.fail(ctx, "forget", "", err)
		}
	}
	for len(sums) > 0 {
		n := min(len(sums), findBatch)
		// No matter who counts on them: they are not what they should be.
		if _, err := r.index.ForgetBlobs(ctx, sums[:n], time.Now().Add(24*time.Hour)); err != nil {
			return r.fail(ctx, "forget", "", err)
		}
		sums = sums[n:]
	}
	return nil
}
