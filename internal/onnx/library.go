package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// LibraryVariable is the environment variable that names the ONNX Runtime library.
const LibraryVariable = "ONNXRUNTIME_LIB"

// ErrNoLibrary says that no ONNX Runtime library was found.
var ErrNoLibrary = errors.New("no ONNX Runtime library")

const libraryHint = "run `make deps`, or set " + LibraryVariable + " to libonnxruntime.so 1.24 or newer"

// FindLibrary returns the path of the ONNX Runtime library: what
// ONNXRUNTIME_LIB names; else what `make deps` put under .deps/onnxruntime, seen
// from the executable and from the working folder; else what the system has.
// The error wraps ErrNoLibrary and says what to do.
func FindLibrary() (string, error) {
	if path := os.Getenv(LibraryVariable); path != "" {
		if !isFile(path) {
			return "", fmt.Errorf("%w: %s is set to %s, which is no file; correct it, or unset it and run `make deps`",
				ErrNoLibrary, LibraryVariable, path)
		}
		return filepath.Abs(path)
	}
	for _, folder := range libraryFolders() {
		if path, ok := libraryIn(folder); ok {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("%w found; %s", ErrNoLibrary, libraryHint)
}

// libraryFolders lists where to look, best first.
func libraryFolders() []string {
	var folders []string
	if exe, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Join(filepath.Dir(exe), "..", ".deps", "onnxruntime"))
	}
	folders = append(folders, filepath.Join(".deps", "onnxruntime"),
		"/usr/local/lib", "/usr/local/lib64", "/usr/lib", "/usr/lib64", "/lib")
	if triplet, ok := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]; ok {
		folders = append(folders, filepath.Join("/usr/lib", triplet), filepath.Join("/lib", triplet))
	}
	return append(folders, "/opt/onnxruntime/lib", "/opt/homebrew/lib")
}

// libraryIn finds the library in one folder, the unversioned name first.
func libraryIn(folder string) (string, bool) {
	for _, name := range []string{"libonnxruntime.so", "libonnxruntime.so.1", "libonnxruntime.dylib"} {
		if path := filepath.Join(folder, name); isFile(path) {
			return path, true
		}
	}
	// A package without the development links ships only libonnxruntime.so.1.N.P.
	matches, err := filepath.Glob(filepath.Join(folder, "libonnxruntime.so.1.*"))
	if err != nil || len(matches) == 0 {
		return "", false
	}
	slices.Sort(matches)
	return matches[len(matches)-1], true
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
