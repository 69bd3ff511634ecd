package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Folder is one that goes with its program.
type Folder struct {
	path string
	lock *os.File // the folder itself, open
	held bool     // it is locked, too: false only where the file system locks no folders
}

// New makes a folder that nobody else can open (0700) in dir, called prefix and a
// number. An empty dir is os.TempDir.
func New(dir, prefix string) (*Folder, error) {
	for {
		path, err := os.MkdirTemp(dir, prefix)
		if err != nil {
			return nil, fmt.Errorf("make a temporary folder: %w", err)
		}
		f, err := take(path)
		if err == nil || !errors.Is(err, errTaken) {
			return f, err
		}
		// A Sweep has come between the two: it removes this one.
	}
}

// errTaken: somebody else has the lock, or has had it and has removed the folder.
var errTaken = errors.New("another program has it")

// take locks a folder.
func take(path string) (_ *Folder, err error) {
	// No link is followed: the temporary folder is everybody's.
	lock, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = errTaken
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	refused := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(refused, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock %s: %w", path, errTaken)
	}
	opened, err := lock.Stat()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(opened, now) {
		return nil, fmt.Errorf("lock %s: %w", path, errTaken)
	}
	return &Folder{path: path, lock: lock, held: refused == nil}, nil
}

// Path is the folder, or what the elements name in it.
func (f *Folder) Path(elements ...string) string {
	return filepath.Join(append([]string{f.path}, elements...)...)
}

// Close removes the folder and all that is in it.
func (f *Folder) Close() error {
	return errors.Join(os.RemoveAll(f.path), f.lock.Close()) // locked until it is gone
}
