package artifacts

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Index knows where each blob of a repository lies. The catalog is one, for all
// processes of a deployment; blobindex.Memory is one for a single process. It
// is an index only: Reindex makes it anew from the packs.
//
// Every method is one transaction: it happens wholly or not at all, and before
// or after every other. Times are the index's own.
//
// The protocol between writers and garbage collection, which no interleaving
// may break: a writer pins its upload before all else, and counts on a blob only
// after FindBlobs with touch gave it back or SavePack took it. A collection takes
// its cutoff from GCCutoff before it looks at anything, and takes nothing that
// was touched since. A writer whose pin is gone fails; it must not acknowledge.
type Index interface {
	// PinUpload begins (or goes on with) an upload and keeps what it touches from
	// collection until the given time. A zero time ends the upload: now is that time.
	// Going on with or ending an upload that GCCutoff has dropped fails with
	// blobindex.ErrExpired; begin tells that the upload is new.
	PinUpload(ctx context.Context, upload string, begin bool, until time.Time) error
	// FindBlobs returns those of up to 4000 blobs that are on record, in any order. With
	// touch it also notes that somebody counts on them from now on.
	FindBlobs(ctx context.Context, sums []blobindex.Sum, touch bool) ([]blobindex.Blob, error)
	// SavePack puts a pack and its blobs on record and tells how many of them now
	// lie in it. A blob without From that is on record already stays where it
	// is and is touched; a blob with From moves if it still lies there, and is not
	// touched. It fails with blobindex.ErrExpired when the upload's pin is gone.
	SavePack(ctx context.Context, upload string, p blobindex.Pack, blobs []blobindex.Blob) (int, error)
	// ListBlobs returns up to limit blobs whose sum is greater than after, in order.
	// A nil after begins at the first.
	ListBlobs(ctx context.Context, after *blobindex.Sum, limit int) ([]blobindex.Blob, error)
	// ListPacks returns up to limit packs whose id is greater than after, in order.
	ListPacks(ctx context.Context, after string, limit int) ([]blobindex.Pack, error)
	// GCCutoff drops the pins whose time was up at before (or is now, if that is
	// earlier), and returns the earlier of before and the beginning of the oldest pinned upload. So
	// what an upload touched at its beginning, however long it took, is kept as long
	// after its end as what it touched last.
	GCCutoff(ctx context.Context, before time.Time) (time.Time, error)
	// ForgetBlobs takes those of the blobs off the record that were not touched
	// since the cutoff, and tells how many.
	ForgetBlobs(ctx context.Context, sums []blobindex.Sum, cutoff time.Time) (int, error)
	// CondemnPack marks a pack in which no blob lies, and that was saved before the
	// cutoff, as being deleted. It tells whether the pack is marked now.
	CondemnPack(ctx context.Context, id string, cutoff time.Time) (bool, error)
	// ForgetPack takes a condemned pack off the record, once its object is gone.
	ForgetPack(ctx context.Context, id string) error
}
