package onnx

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// Runtime is the ONNX Runtime library, loaded. It is safe for concurrent use.
type Runtime struct {
	library string

	cuda struct {
		sync.Mutex
		probed map[int]error // by the index of the device
	}
}

// process holds what the native library allows only once in a process. It is
// package state because the library's own state is, and Start is its only door.
var process struct {
	sync.Mutex
	runtime *Runtime
	users   int
}

// Start loads the library at the given path. ONNX Runtime exists once in a
// process: a second Start with the same path returns the same Runtime and
// counts one more user, with another path it is an error while the first is open.
func Start(library string) (*Runtime, error) {
	process.Lock()
	defer process.Unlock()
	if r := process.runtime; r != nil {
		if r.library != library {
			return nil, fmt.Errorf("start ONNX Runtime %s: this process already runs %s", library, r.library)
		}
		process.users++
		return r, nil
	}
	if !isFile(library) {
		return nil, fmt.Errorf("start ONNX Runtime: %w at %q; %s", ErrNoLibrary, library, libraryHint)
	}
	ort.SetSharedLibraryPath(library)
	// What goes wrong comes back as an error; the library's own lines on stderr would only repeat it.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, fmt.Errorf("start ONNX Runtime %s: %w; is it libonnxruntime 1.24 or newer for this machine? %s",
			library, err, libraryHint)
	}
	process.runtime, process.users = &Runtime{library: library}, 1
	return process.runtime, nil
}

// Find is Start with the library that FindLibrary finds, for programs that keep
// the Runtime until they end.
func Find() (*Runtime, error) {
	library, err := FindLibrary()
	if err != nil {
		return nil, err
	}
	return Start(library)
}

// Close gives the Runtime back. The last user's Close unloads the library, so
// every Session must be closed before. Closing more often than Start is an error.
func (r *Runtime) Close() error {
	process.Lock()
	defer process.Unlock()
	if process.runtime != r || process.users == 0 {
		return errors.New("close ONNX Runtime: it is not running")
	}
	if process.users--; process.users > 0 {
		return nil
	}
	process.runtime = nil
	if err := ort.DestroyEnvironment(); err != nil {
		return fmt.Errorf("close ONNX Runtime: %w", err)
	}
	return nil
}

// Version is the library's version, for example "1.30.0".
func (r *Runtime) Version() string { return ort.GetVersion() }

// Library is the path that the library was loaded from.
func (r *Runtime) Library() string { return r.library }

// CUDA tells whether the library has the CUDA provider and the first device answers: a
// one-operator model has run there. The answer is found once and kept.
func (r *Runtime) CUDA() bool { return r.probeCUDA(0) == nil }

// Probe says why a device can't be used, nil if it can. What is found is kept.
func (r *Runtime) Probe(d Device) error {
	if index, ok := d.CUDA(); ok {
		return r.probeCUDA(index)
	}
	return nil
}

func (r *Runtime) probeCUDA(index int) error {
	r.cuda.Lock()
	defer r.cuda.Unlock()
	err, known := r.cuda.probed[index]
	if !known {
		err = r.tryCUDA(index)
		if r.cuda.probed == nil {
			r.cuda.probed = map[int]error{}
		}
		r.cuda.probed[index] = err
	}
	return err
}

func (r *Runtime) tryCUDA(index int) (err error) {
	if !hasCUDAProvider(r.library) {
		return errors.New("the library was built without CUDA")
	}
	s, err := r.open(identityModel(), Device(fmt.Sprintf("cuda:%d", index)), Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	_, err = s.run(nil, []Tensor{{Name: "x", Type: Float32, Shape: []int64{1}, Floats: []float32{1}}})
	return err
}

// CUDAPaths are what CUDA opens while it runs, for a process that is about to give
// up all other files: its parts, loaded when first needed, the devices, and what
// it shares memory through.
func (r *Runtime) CUDAPaths() (read, write []string) {
	return append([]string{filepath.Dir(r.library)}, SystemCUDAPaths()...), []string{"/dev", "/tmp"}
}

// SystemCUDAPaths are what CUDA reads wherever ONNX Runtime lies.
func SystemCUDAPaths() []string {
	return []string{"/usr", "/lib", "/lib64", "/opt", "/etc", "/proc", "/sys"}
}

// hasCUDAProvider looks for the provider's own library, which ONNX Runtime
// loads from the folder that it lies in itself.
func hasCUDAProvider(library string) bool {
	if target, err := filepath.EvalSymlinks(library); err == nil {
		library = target
	}
	return isFile(filepath.Join(filepath.Dir(library), "libonnxruntime_providers_cuda.so"))
}
