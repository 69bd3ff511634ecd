package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Sweep removes the folders of New that nobody has any more, and says how many
// those were. An error tells of those that it could not remove.
func Sweep(dir, prefix string) (removed int, err error) {
	if dir == "" {
		dir = os.TempDir()
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("look for folders of killed programs: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		switch failed := sweep(path); {
		case failed == nil:
			removed++
		case !errors.Is(failed, errTaken):
			err = errors.Join(err, failed)
		}
	}
	return removed, err
}

// sweep removes a folder; errTaken is why it stays.
func sweep(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !own(info) {
		return errTaken
	}
	f, err := take(path)
	if err != nil {
		return err
	}
	if !f.held { // who knows whose it is
		return errors.Join(errTaken, f.lock.Close())
	}
	return f.Close()
}

// own tells whether a file is this user's.
func own(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
