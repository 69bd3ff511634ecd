package blobindextest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Run runs the suite; open returns an empty index for each case.
func Run(t *testing.T, open func(t *testing.T) artifacts.Index) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, artifacts.Index){
		"save and find":            testSave,
		"first writer wins":        testFirstWins,
		"touch":                    testTouch,
		"lost pin":                 testLostPin,
		"cutoff":                   testCutoff,
		"pages":                    testPages,
		"condemn":                  testCondemn,
		"move":                     testMove,
		"touch against collection": testRace,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// never is later than any touch in a test.
var never = time.Now().Add(1000 * time.Hour)

func begin(t *testing.T, x artifacts.Index, upload string) {
	t.Helper()
	require.NoError(t, x.PinUpload(t.Context(), upload, true, never))
}

func sum(i int) blobindex.Sum { return sha256.Sum256(fmt.Appendf(nil, "blob %d", i)) }

// blobs are in the pack, numbered from and to.
func blobs(pack string, from, to int) (all []blobindex.Blob) {
	for i := from; i < to; i++ {
		all = append(all, blobindex.Blob{Sum: sum(i), Kind: blobindex.Kind(i % 4), Encoding: blobindex.Encoding(i % 4),
			Pack: pack, Offset: int64(32 + 100*i), Stored: 100, Size: math.MaxUint32, CRC: math.MaxUint32 - uint32(i)})
	}
	return all
}

func sums(blobs []blobindex.Blob) (all []blobindex.Sum) {
	for _, b := range blobs {
		all = append(all, b.Sum)
	}
	return all
}

// save puts a pack on record that must win the given number of blobs.
func save(t *testing.T, x artifacts.Index, pack string, won int, blobs []blobindex.Blob) {
	t.Helper()
	n, err := x.SavePack(t.Context(), "up", blobindex.Pack{ID: pack, Bytes: 5000}, blobs)
	require.NoError(t, err)
	require.Equal(t, won, n)
}

// find returns what is on record, without the times.
func find(t *testing.T, x artifacts.Index, touch bool, want []blobindex.Sum) []blobindex.Blob {
	t.Helper()
	found, err := x.FindBlobs(t.Context(), want, touch)
	require.NoError(t, err)
	for i := range found {
		require.WithinDuration(t, time.Now(), found[i].Touched, time.Minute)
		found[i].Touched = time.Time{}
	}
	return found
}

func testSave(t *testing.T, x artifacts.Index) {
	begin(t, x, "up")
	all := blobs("p1", 0, 1200)
	save(t, x, "p1", 1200, all)
	save(t, x, "p1", 1200, all) // the answer to the first was lost
	for _, touch := range []bool{false, true} {
		require.ElementsMatch(t, all[:500], find(t, x, touch, append(sums(all[:500]), sum(9999))))
	}
	require.Empty(t, find(t, x, true, nil))
	packs, err := x.ListPacks(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, packs, 1)
	require.WithinDuration(t, time.Now(), packs[0].Saved, time.Minute)
	packs[0].Saved = time.Time{}
	require.Equal(t, blobindex.Pack{ID: "p1", Bytes: 5000, Live: 120_000, Blobs: 1200}, packs[0])
}

func testFirstWins(t *testing.T, x artifacts.Index) {
	begin(t, x, "up")
	save(t, x, "p1", 10, blobs("p1", 0, 10))
	save(t, x, "p2", 5, blobs("p2", 5, 15))
	require.ElementsMatch(t, append(blobs("p1", 0, 10), blobs("p2", 10, 15)...), find(t, x, false, sums(blobs("", 0, 15))))
	save(t, x, "p3", 0, blobs("p3", 0, 15))
}

func testTouch(t *testing.T, x artifacts.Index) {
	begin(t, x, "up")
	all := blobs("p1", 0, 30)
	save(t, x, "p1", 30, all)
	cutoff := time.Now().Add(2 * time.Millisecond)
	require.Eventually(t, func() bool { return time.Now().After(cutoff.Add(time.Millisecond)) }, time.Second, time.Millisecond)
	find(t, x, true, sums(all[:10]))         // touched by a reader that counts on them
	save(t, x, "p2", 0, blobs("p2", 10, 20)) // touched by a writer that was second
	find(t, x, false, sums(all[20:]))        // only looked at
	n, err := x.ForgetBlobs(t.Context(), sums(all), cutoff)
	require.NoError(t, err)
	require.Equal(t, 10, n)
	require.ElementsMatch(t, all[:20], find(t, x, false, sums(all)))
}

func testLostPin(t *testing.T, x artifacts.Index) {
	require.ErrorIs(t, x.PinUpload(t.Context(), "up", false, never), blobindex.ErrExpired)
	_, err := x.SavePack(t.Context(), "up", blobindex.Pack{ID: "p1"}, blobs("p1", 0, 3))
	require.ErrorIs(t, err, blobindex.ErrExpired)
	require.NoError(t, x.PinUpload(t.Context(), "up", true, time.Now().Add(-time.Hour)))
	save(t, x, "p1", 3, blobs("p1", 0, 3)) // late, and nobody has minded
	_, err = x.GCCutoff(t.Context(), time.Now())
	require.NoError(t, err)
	require.ErrorIs(t, x.PinUpload(t.Context(), "up", false, never), blobindex.ErrExpired)
	_, err = x.SavePack(t.Context(), "up", blobindex.Pack{ID: "p2"}, blobs("p2", 0, 3))
	require.ErrorIs(t, err, blobindex.ErrExpired)
	require.ErrorIs(t, x.PinUpload(t.Context(), "up", false, time.Time{}), blobindex.ErrExpired)
	require.Len(t, find(t, x, false, sums(blobs("", 0, 3))), 3)
}

func testCutoff(t *testing.T, x artifacts.Index) {
	before := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	cutoff, err := x.GCCutoff(t.Context(), before)
	require.NoError(t, err)
	require.True(t, cutoff.Equal(before))
	begin(t, x, "up")
	begin(t, x, "up2")
	cutoff, err = x.GCCutoff(t.Context(), before)
	require.NoError(t, err)
	require.True(t, cutoff.Equal(before), "younger uploads do not matter")
	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	cutoff, err = x.GCCutoff(t.Context(), later)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), cutoff, time.Minute)
	for _, upload := range []string{"up", "up2"} {
		require.NoError(t, x.PinUpload(t.Context(), upload, false, never))
		require.NoError(t, x.PinUpload(t.Context(), upload, false, time.Time{}))
	}
	cutoff, err = x.GCCutoff(t.Context(), later)
	require.NoError(t, err)
	require.True(t, cutoff.Equal(later))

	// An upload that ended after the cutoff still counts, from its beginning.
	begin(t, x, "long")
	during := after(time.Now())
	require.NoError(t, x.PinUpload(t.Context(), "long", false, time.Time{}))
	for range 2 {
		cutoff, err = x.GCCutoff(t.Context(), during)
		require.NoError(t, err)
		require.True(t, cutoff.Before(during), "%s is not before %s", cutoff, during)
	}
	cutoff, err = x.GCCutoff(t.Context(), later)
	require.NoError(t, err)
	require.True(t, cutoff.Equal(later))
}

// after returns a time that any clock tells from the given one, once it has come.
func after(t time.Time) time.Time {
	for time.Since(t) < 10*time.Microsecond {
		runtime.Gosched()
	}
	return time.Now()
}

func testPages(t *testing.T, x artifacts.Index) {
	begin(t, x, "up")
	for i := range 10 {
		pack := fmt.Sprintf("p%d", i)
		save(t, x, pack, 5, blobs(pack, 5*i, 5*i+5))
	}
	var after *blobindex.Sum
	seen := 0
	for {
		page, err := x.ListBlobs(t.Context(), after, 7)
		require.NoError(t, err)
		for _, b := range page {
			if after != nil {
				require.Less(t, after.String(), b.Sum.String())
			}
			after = &b.Sum
			seen++
		}
		if len(page) < 7 {
			break
		}
	}
	require.Equal(t, 50, seen)
	first, err := x.ListPacks(t.Context(), "", 6)
	require.NoError(t, err)
	rest, err := x.ListPacks(t.Context(), first[5].ID, 6)
	require.NoError(t, err)
	require.Len(t, rest, 4)
	require.Equal(t, "p6", rest[0].ID)
}

func testCondemn(t *testing.T, x artifacts.Index) {
	begin(t, x, "up")
	all := blobs("p1", 0, 3)
	save(t, x, "p1", 3, all)
	condemn := func(want bool, cutoff time.Time) {
		t.Helper()
		got, err := x.CondemnPack(t.Context(), "p1", cutoff)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	condemn(false, never)
	require.NoError(t, x.ForgetPack(t.Context(), "p1"))
	packs, err := x.ListPacks(t.Context(), "", 9)
	require.NoError(t, err)
	require.Len(t, packs, 1, "only a condemned pack is forgotten")
	n, err := x.ForgetBlobs(t.Context(), sums(all), never)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	condemn(false, time.Now().Add(-time.Hour))
	condemn(true, never)
	condemn(true, never) // a collection goes on where another one ended
	save(t, x, "p1", 0, all)
	require.Empty(t, find(t, x, true, sums(all)), "nothing gets into a condemned pack")
	require.NoError(t, x.ForgetPack(t.Context(), "p1"))
	require.NoError(t, x.ForgetPack(t.Context(), "p1"))
	condemn(false, never)
}

func testMove(t *testing.T, x artifacts.Index) {
	begin(t, x, "up")
	save(t, x, "p1", 10, blobs("p1", 0, 10))
	n, err := x.ForgetBlobs(t.Context(), sums(blobs("", 0, 3)), never)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	moved := blobs("p2", 0, 10)
	for i := range moved {
		moved[i].From, moved[i].Offset = "p1", int64(32+i)
	}
	save(t, x, "p2", 7, moved)
	for i := range moved {
		moved[i].From = ""
	}
	require.ElementsMatch(t, moved[3:], find(t, x, false, sums(moved)))
	for i := range moved {
		moved[i].From, moved[i].Pack = "p1", "p3"
	}
	save(t, x, "p3", 0, moved) // they do not lie in p1 any more
}

// testRace: a blob that a touch gave back is never one that a collection took.
func testRace(t *testing.T, x artifacts.Index) {
	begin(t, x, "up")
	for round := range 20 {
		all := blobs(fmt.Sprintf("p%d", round), 40*round, 40*round+40)
		save(t, x, all[0].Pack, 40, all)
		cutoff := time.Now().Add(time.Microsecond)
		var touched []blobindex.Blob
		var touchErr error
		var both sync.WaitGroup
		both.Go(func() {
			if touched, touchErr = x.FindBlobs(t.Context(), sums(all), true); touchErr == nil && len(touched) < 40 {
				_, touchErr = x.SavePack(t.Context(), "up", blobindex.Pack{ID: "new" + all[0].Pack, Bytes: 1}, blobs("new"+all[0].Pack, 40*round, 40*round+40))
			}
		})
		both.Go(func() {
			for _, s := range sums(all) {
				if _, err := x.ForgetBlobs(t.Context(), []blobindex.Sum{s}, cutoff); err != nil {
					t.Error(err)
				}
			}
		})
		both.Wait()
		require.NoError(t, touchErr)
		require.Len(t, find(t, x, false, sums(all)), 40, "what the writer counts on is there")
	}
}
