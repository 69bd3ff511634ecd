package artifacts

import (
	"context"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Keep tells whether the content of a file is stored. If it is, collections leave
// it alone for their grace from now on, as if it had just been added: time for
// AddTree to make it part of a tree.
func (r *Repository) Keep(ctx context.Context, file Digest) (bool, error) {
	sum, err := sumOf(file)
	if err != nil {
		return false, r.fail(ctx, "keep", file, err)
	}
	there, err := r.touchFiles(ctx, []blobindex.Sum{sum})
	if err != nil {
		return false, r.fail(ctx, "keep", file, err)
	}
	return there[sum], nil
}
