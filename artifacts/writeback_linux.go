package artifacts

import (
	"os"
	"syscall"
)

// startWriteback has the kernel begin to write what is in its cache of a file, so
// that a sync that follows waits for less. It is a hint: the sync tells of errors.
func startWriteback(f *os.File) {
	const write = 2 // SYNC_FILE_RANGE_WRITE; all of the file
	_ = syscall.SyncFileRange(int(f.Fd()), 0, 0, write)
}
