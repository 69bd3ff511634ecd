package artifacts

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// startWriteback has the kernel begin to write what is in its cache of a file, so
// that a sync that follows waits for less. It is a hint: the sync tells of errors.
func startWriteback(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// syncFrom is the number of files from which on the file system is synced as a whole:
// it then empties the disk's own cache once and not for each.
const syncFrom = 16

// diskOf is what is to be kept open to sync the file system of a folder: the kernel tells
// it of all that failed to be written since it was opened.
func diskOf(root *os.Root) (*os.File, error) { return root.Open(".") }

// syncDisk syncs the file system of disk. It tells whether that was done.
func syncDisk(disk *os.File, files int) (done bool, err error) {
	if files < syncFrom {
		return false, nil
	}
	if err := unix.Syncfs(int(disk.Fd())); err != nil {
		return false, &fs.PathError{Op: "syncfs", Path: disk.Name(), Err: err}
	}
	return true, nil
}

// sameDisk tells whether a folder below root is in the same file system.
func sameDisk(disk *os.File, root *os.Root, dir string) (bool, error) {
	a, errA := disk.Stat()
	b, errB := root.Stat(dir)
	if err := errors.Join(errA, errB); err != nil {
		return false, err
	}
	at, okA := a.Sys().(*syscall.Stat_t)
	bt, okB := b.Sys().(*syscall.Stat_t)
	return okA && okB && at.Dev == bt.Dev, nil
}
