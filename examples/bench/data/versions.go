package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// versions measures data add: one large file and what becomes of it, then many small files.
func (b *bench) versions(ctx context.Context) error {
	if err := b.blob(ctx); err != nil {
		return err
	}
	return b.small(ctx)
}

// The states of the large file, each added after the one before.
const (
	fresh = iota
	unchanged
	appended
	inserted
	states
)

func stateNames() [states]string {
	return [states]string{"the first time", "again, unchanged", "with 1 % appended", "with 1 % inserted at the front"}
}

// track is how one tool did over the states.
type track struct {
	times  [states]figure
	stored [states]float64 // share of the file that the store grew by, of the last run
}

func (b *bench) blob(ctx context.Context) error {
	var ours, dvc track
	var floor figure
	input := b.path("blob.bin")
	for run := range b.size.runs {
		b.progress("data add of %s, run %d of %d", bytesText(b.size.blob), run+1, b.size.runs)
		store := b.path("store")
		err := b.states(ctx, input, store, &ours, func() (sample, error) { return b.add(ctx, input) }, func() error {
			s, err := b.exec(ctx, command{args: []string{"sh", "-c",
				`sha256sum "$1" && cp --reflink=never "$1" "$2" && sync "$2"`, "floor", input, b.path("copy.bin")}})
			floor.add(s, err)
			return os.Remove(b.path("copy.bin"))
		})
		if err != nil {
			return err
		}
		if err := b.clear("state", "cache", "store"); err != nil {
			return err
		}
	}
	for i := range states {
		if ours.times[i].absent != "" {
			return fmt.Errorf("data add: %s", ours.times[i].absent)
		}
	}
	for b.hasDVC(&dvc) && !b.enough(&dvc.times[fresh]) {
		b.progress("dvc add of %s, run %d", bytesText(b.size.blob), len(dvc.times[fresh].samples)+1)
		r, err := b.newDVC(ctx)
		if err != nil {
			return err
		}
		input := filepath.Join(r.dir, "blob.bin")
		err = b.states(ctx, input, r.cache(), &dvc, func() (sample, error) { return r.add(ctx, "blob.bin") }, nil)
		if err != nil {
			return err
		}
		if err := b.clear("dvc"); err != nil {
			return err
		}
	}
	b.blobLines(ours, dvc, floor)
	return b.clear("blob.bin")
}

// states takes the file through its states and adds each; after the first it runs between.
func (b *bench) states(ctx context.Context, input, store string, t *track, add func() (sample, error), between func() error) error {
	percent := b.size.blob / 100
	var before int64
	for state := range states {
		var front, back int64
		switch state {
		case appended:
			back = percent
		case inserted:
			front, back = percent, percent
		}
		if state != unchanged {
			if err := b.input(ctx, kindBlob, input, b.size.blob, front, back); err != nil {
				return err
			}
		}
		if state == fresh {
			if err := settle(ctx); err != nil {
				return err
			}
		}
		t.times[state].add(add())
		after, err := folderBytes(store)
		if err != nil {
			return err
		}
		t.stored[state] = float64(after-before) / float64(b.size.blob)
		before = after
		if state == fresh && between != nil {
			if err := between(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle waits until a new file has rested for longer than file times can tell
// apart: before, an unchanged file can't be known as such and is read again.
func settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(3 * time.Second):
		return nil
	}
}

func (b *bench) blobLines(ours, dvc track, floor figure) {
	for state, name := range stateNames() {
		what := fmt.Sprintf("`data add` of %s, %s", bytesText(b.size.blob), name)
		o := ours.times[state]
		note := fmt.Sprintf("%.2f %% of it stored", 100*ours.stored[state])
		switch state {
		case fresh:
			rate := fmt.Sprintf("%.0f MB/s", float64(b.size.blob)/1e6/o.seconds())
			b.lines = append(b.lines, line{what: what, ours: o, note: rate, against: "sha256sum, cp, sync", theirs: floor, target: asLong(1.5)})
		case unchanged:
			b.lines = append(b.lines, line{what: what, ours: o, target: alone("under 1 s", o.seconds() < 1)})
		default:
			b.lines = append(b.lines, line{what: what, ours: o, note: note, target: alone("at most 2 % stored", ours.stored[state] <= 0.02)})
		}
		remark := ""
		if dvc.times[state].has() {
			remark = fmt.Sprintf("%.2f %% stored", 100*dvc.stored[state])
		}
		b.lines = append(b.lines, line{what: what, ours: o, against: "DVC", theirs: dvc.times[state], remark: remark, target: asFast(5)})
	}
}

// small adds a folder of many small files.
func (b *bench) small(ctx context.Context) error {
	input := b.path("many")
	if err := b.input(ctx, kindFiles, input, int64(b.size.files)); err != nil {
		return err
	}
	var ours, got, floor, copied figure
	for run := range b.size.runs {
		b.progress("data add and get of %d files, run %d of %d", b.size.files, run+1, b.size.runs)
		ours.add(b.add(ctx, input))
		got.add(b.get(ctx, b.path("got")))
		if ours.absent != "" || got.absent != "" {
			return fmt.Errorf("data add, data get: %s%s", ours.absent, got.absent)
		}
		copied.add(b.exec(ctx, command{args: []string{"sh", "-c", `cp -r --reflink=never "$1" "$2" && sync -f "$2"`, "floor", b.path("got"), b.path("again")}}))
		floor.add(b.exec(ctx, command{args: []string{"sh", "-c",
			`find "$1" -type f -print0 | xargs -0 sha256sum > "$3" && cp -r --reflink=never "$1" "$2" && sync -f "$2"`,
			"floor", input, b.path("copy"), b.path("sums")}}))
		if err := b.clear("state", "cache", "store", "copy", "sums", "got", "again"); err != nil {
			return err
		}
	}
	var dvc track
	var checkout figure
	for b.hasDVC(&dvc) && !b.enough(&dvc.times[fresh]) {
		b.progress("dvc add and checkout of %d files, run %d", b.size.files, len(dvc.times[fresh].samples)+1)
		r, err := b.newDVC(ctx)
		if err != nil {
			return err
		}
		if err := b.input(ctx, kindFiles, filepath.Join(r.dir, "many"), int64(b.size.files)); err != nil {
			return err
		}
		dvc.times[fresh].add(r.add(ctx, "many"))
		if err := os.RemoveAll(filepath.Join(r.dir, "many")); err != nil {
			return err
		}
		checkout.add(r.checkout(ctx, "many.dvc"))
		if err := b.clear("dvc"); err != nil {
			return err
		}
	}
	rate := float64(b.size.files) / ours.seconds()
	what := fmt.Sprintf("`data add` of %d files of 4 KiB", b.size.files)
	b.lines = append(b.lines,
		line{what: what, ours: ours, note: fmt.Sprintf("%.0f files/s", rate), target: alone("5000 files/s", rate >= 5000)},
		line{what: what, ours: ours, against: "sha256sum, cp, sync", theirs: floor},
		line{what: what, ours: ours, against: "DVC", theirs: dvc.times[fresh], target: asFast(5)})
	if dvc.times[fresh].absent != "" {
		checkout.absent = dvc.times[fresh].absent
	}
	what = fmt.Sprintf("`data get` of %d files of 4 KiB", b.size.files)
	note := fmt.Sprintf("%.0f files/s", float64(b.size.files)/got.seconds())
	b.lines = append(b.lines,
		line{what: what, ours: got, note: note, against: "cp, sync", theirs: copied},
		line{what: what, ours: got, against: "DVC checkout", theirs: checkout})
	return b.clear("many")
}

// add runs data add as a user would, on an SQLite catalog and a store in a folder.
func (b *bench) add(ctx context.Context, input string) (sample, error) {
	return b.exec(ctx, command{args: []string{b.slipway, "data", "add", input, "--name", "bench", "--as", "bench",
		"--state", b.path("state"), "--catalog", b.path("state.db"), "--artifacts", b.path("store"), "--cache", b.path("cache")}})
}

// get runs data get of what add stored.
func (b *bench) get(ctx context.Context, to string) (sample, error) {
	return b.exec(ctx, command{args: []string{b.slipway, "data", "get", "bench", "--to", to,
		"--state", b.path("state"), "--catalog", b.path("state.db"), "--artifacts", b.path("store"), "--cache", b.path("cache")}})
}

// clear removes what a run has left.
func (b *bench) clear(names ...string) error {
	for _, name := range append(names, "state.db", "state.db-wal", "state.db-shm") {
		if err := os.RemoveAll(b.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// folderBytes is the size of all files below dir; 0 if there is none.
func folderBytes(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	return total, err
}

func bytesText(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
