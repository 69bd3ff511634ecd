package artifacts

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// source file of an Add.
type found struct {
	path  string // in the tree
	file  string // in the file system
	stamp fileStamp
}

// walk lists the regular files at or below root. Anything that is neither a
// regular file nor a folder is refused by name: leaving it out in silence
// would make a version that is not the data.
func walk(ctx context.Context, root string) ([]found, error) {
	info, err := os.Stat(root) // the root itself may be a link
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return nil, refused(root, info.Mode())
		}
		name := filepath.Base(root)
		return []found{{path: name, file: root, stamp: stampOf(info)}}, checkPath(name)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	var all []found
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || e.IsDir() {
			return err
		}
		if !e.Type().IsRegular() {
			return refused(path, e.Type())
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if err := checkPath(name); err != nil {
			return fmt.Errorf("%s: %w", root, err)
		}
		all = append(all, found{path: name, file: path, stamp: stampOf(info)})
		return nil
	})
	return all, err
}

func refused(path string, mode fs.FileMode) error {
	if mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		if err != nil {
			target = "?"
		}
		return fmt.Errorf("%w: %s is a symbolic link to %s: replace it by the file or leave it out", ErrUnsupported, path, target)
	}
	return fmt.Errorf("%w: %s is neither a file nor a folder (%s): leave it out", ErrUnsupported, path, mode.Type())
}
