package artifacts

import (
	"io/fs"
	"syscall"
)

// inodeOf returns the time of a file's last change of any kind, in nanoseconds,
// which no program can set back, and its inode.
func inodeOf(info fs.FileInfo) (changed int64, inode uint64) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return s.Ctim.Nano(), s.Ino
}
