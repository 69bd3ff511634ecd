package artifacts

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// getTemp begins the name of a file that Get has not finished.
const getTemp = ".get-"

// placing gives files that were written under temporary names their own, once they are on disk.
type placing struct {
	root *os.Root
	disk *os.File // of root
	each bool     // files are synced one by one: not all folders are on that disk
	// folders that files were put in or that were swept, by path below root.
	folders map[string]bool

	mu    sync.Mutex
	files []placed
}

type placed struct{ temp, name string }

func newPlacing(root *os.Root) (*placing, error) {
	disk, err := diskOf(root)
	return &placing{root: root, disk: disk, folders: map[string]bool{}}, err
}

// create makes a temporary file beside where it is to go.
func (p *placing) create(name string) (*os.File, string, error) {
	temp := filepath.Join(filepath.Dir(name), getTemp+rand.Text()+tempSuffix)
	f, err := p.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	return f, temp, err
}

// add takes in a file that is written whole.
func (p *placing) add(temp, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files = append(p.files, placed{temp, name})
}

// finish syncs the files that were added and gives them their names; what it fails on
// it removes.
func (p *placing) finish() (err error) {
	files := p.files
	p.files = nil
	defer func() {
		if err != nil {
			for _, f := range files {
				_ = p.root.Remove(f.temp) // those that got their name have it
			}
		}
	}()
	if err := p.sync(files); err != nil {
		return err
	}
	for _, f := range files {
		if err := p.root.Rename(f.temp, f.name); err != nil {
			return err
		}
	}
	return nil
}

// close removes what was not given its name.
func (p *placing) close() error {
	for _, f := range p.files {
		_ = p.root.Remove(f.temp)
	}
	return p.disk.Close()
}

// sync returns once the content of the files is on disk.
func (p *placing) sync(files []placed) error {
	if !p.each {
		if done, err := syncDisk(p.disk, len(files)); done || err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := p.syncFile(f.temp); err != nil {
			return err
		}
	}
	return nil
}

func (p *placing) syncFile(temp string) (err error) {
	f, err := p.root.OpenFile(temp, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

// folder makes a folder and removes what killed calls left in it.
func (p *placing) folder(dir string) error {
	if p.folders[dir] {
		return nil
	}
	if err := p.root.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for ; !p.folders[dir]; dir = filepath.Dir(dir) {
		p.folders[dir] = true
		same, err := sameDisk(p.disk, p.root, dir)
		if err != nil {
			return err
		}
		p.each = p.each || !same
		if err := p.sweep(dir); err != nil {
			return err
		}
	}
	return nil
}

func (p *placing) sweep(dir string) (err error) {
	d, err := p.root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), getTemp) || !strings.HasSuffix(e.Name(), tempSuffix) {
			continue
		}
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > tempAge {
			err = p.root.Remove(filepath.Join(dir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncFolders makes the names that were given, and folders that were made, last.
func (p *placing) syncFolders() error {
	dirs := make([]string, 0, len(p.folders))
	for dir := range p.folders {
		dirs = append(dirs, dir)
	}
	return SyncFolders(p.root, dirs)
}

// SyncFolders syncs folders below root and all above them, root included.
func SyncFolders(root *os.Root, dirs []string) error {
	all := map[string]bool{".": true}
	for _, dir := range dirs {
		for ; !all[dir]; dir = filepath.Dir(dir) {
			all[dir] = true
		}
	}
	sorted := make([]string, 0, len(all))
	for dir := range all {
		sorted = append(sorted, dir)
	}
	slices.Sort(sorted)
	for _, dir := range sorted {
		if err := syncFolder(root, dir); err != nil {
			return err
		}
	}
	return nil
}

func syncFolder(root *os.Root, dir string) (err error) {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return unlessUnsupported(d.Sync())
}
