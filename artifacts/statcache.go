package artifacts

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

const (
	statHeader = "slipway-stat 1\n"
	statTemp   = "stat-" // begins the name of a cache being written
	// racy is how old a change must be, in nanoseconds, for times to prove that
	// there was none since: file systems count time in steps of up to two seconds.
	racy = int64(2 * time.Second)
	// statSave is how often an Add saves what it knows, for one that goes on after a crash.
	statSave = 20 * time.Second
)

// fileStamp is what tells that a file did not change: all of it equal means so,
// unless the last change is too young. See https://git-scm.com/docs/racy-git.
type fileStamp struct {
	size, modified, changed int64 // bytes, nanoseconds
	inode                   uint64
}

func stampOf(info fs.FileInfo) fileStamp {
	s := fileStamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	s.changed, s.inode = inodeOf(info)
	return s
}

// settled tells that a change after the given time would show in the stamp.
func (s fileStamp) settled(at time.Time) bool {
	return max(s.modified, s.changed) < at.UnixNano()-racy
}

// known is a file of which the digest is known as long as its stamp is the same.
type known struct {
	stamp fileStamp
	sum   blobindex.Sum
}

// statCache remembers digests of the files below one path. Nothing depends on
// it: one that is missing, damaged or of another version is empty.
type statCache struct {
	file  string // "" keeps nothing
	files map[string]known
}

// openStatCache reads the cache of root in dir.
func openStatCache(dir, root string) (*statCache, error) {
	c := &statCache{files: map[string]known{}}
	if dir == "" {
		return c, nil
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("stat cache: %w", err)
	}
	if err := sweepTemp(dir, statTemp, time.Now().Add(-tempAge)); err != nil {
		return nil, fmt.Errorf("stat cache: %w", err)
	}
	name := sha256.Sum256([]byte(root))
	c.file = filepath.Join(dir, hex.EncodeToString(name[:16])+".stat")
	if b, err := os.ReadFile(c.file); err == nil {
		if files, ok := parseStats(b); ok {
			c.files = files
		}
	}
	return c, nil
}

// parseStats reads a cache file; ok is false if it is not wholly as it was written.
func parseStats(b []byte) (files map[string]known, ok bool) {
	body := len(b) - 4
	if body < len(statHeader) || !bytes.HasPrefix(b, []byte(statHeader)) || binary.LittleEndian.Uint32(b[body:]) != crcOf(b[:body]) {
		return nil, false
	}
	files = map[string]known{}
	for line := range strings.Lines(string(b[len(statHeader):body])) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
		if len(fields) != 6 {
			return nil, false
		}
		var k known
		for i, n := range []*int64{&k.stamp.size, &k.stamp.modified, &k.stamp.changed} {
			var err error
			if *n, err = strconv.ParseInt(fields[i], 10, 64); err != nil {
				return nil, false
			}
		}
		inode, inodeErr := strconv.ParseUint(fields[3], 10, 64)
		sum, sumErr := sumOf(Digest(digestPrefix + fields[4]))
		path, pathErr := unescapePath(fields[5])
		if inodeErr != nil || sumErr != nil || pathErr != nil {
			return nil, false
		}
		k.stamp.inode, k.sum = inode, sum
		files[path] = k
	}
	return files, true
}

// find returns the digest of a file that did not change.
func (c *statCache) find(f found) (blobindex.Sum, bool) {
	k, ok := c.files[f.path]
	return k.sum, ok && k.stamp == f.stamp
}

// note remembers the digest of a file whose stamp was the same before and after
// it was read, from the given time on.
func (c *statCache) note(f found, sum blobindex.Sum, read time.Time) {
	if c.file != "" && f.stamp.settled(read) {
		c.files[f.path] = known{f.stamp, sum}
	}
}

// keepOnly forgets all files but these.
func (c *statCache) keepOnly(files []found) {
	there := make(map[string]bool, len(files))
	for _, f := range files {
		there[f.path] = true
	}
	for path := range c.files {
		if !there[path] {
			delete(c.files, path)
		}
	}
}

// save replaces the file of the cache, at once and not durably: a torn one is as good as none.
func (c *statCache) save() (err error) {
	if c.file == "" {
		return nil
	}
	f, err := createTemp(filepath.Dir(c.file), statTemp)
	if err != nil {
		return fmt.Errorf("stat cache: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	w := &checksummed{w: bufio.NewWriterSize(f, 1<<20)}
	w.write([]byte(statHeader))
	line := make([]byte, 0, 256)
	for path, k := range c.files {
		line = fmt.Appendf(line[:0], "%d %d %d %d %s ", k.stamp.size, k.stamp.modified, k.stamp.changed, k.stamp.inode, k.sum)
		w.write(append(escapePath(line, path), '\n'))
	}
	w.write(binary.LittleEndian.AppendUint32(nil, w.crc))
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("stat cache: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("stat cache: %w", err)
	}
	return os.Rename(f.Name(), c.file)
}

// checksummed writes and sums; an error stays until Flush.
type checksummed struct {
	w   *bufio.Writer
	crc uint32
}

func (c *checksummed) write(b []byte) {
	c.crc = crc32.Update(c.crc, castagnoli, b)
	_, _ = c.w.Write(b)
}
