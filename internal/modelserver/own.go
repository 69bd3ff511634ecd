package modelserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/spec"
)

// own starts this program again to run an ONNX model.
type own struct {
	cfg     Config
	request ownRequest
	file    *os.File // the model; its name is gone, so it leaves nothing behind
}

// ownRequest is what the process is told.
type ownRequest struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Device  onnx.Device `json:"device"`
	// DeviceMemory bounds what the model takes of a CUDA device, in bytes; 0: no bound.
	DeviceMemory int64 `json:"device_memory,omitempty"`
	Threads      int   `json:"threads"`
	Instances    int   `json:"instances,omitempty"` // as the release's deployment says
	Size         int64 `json:"size"`                // of the model, in bytes
}

// Files of the process.
const (
	ownModel = iota
	ownConnection
	ownFiles
)

// openFiles is enough for a model's server: it holds a connection and what its libraries open.
const openFiles = 1024

func newOwn(cfg Config, artifact []byte, config spec.Model) (*own, error) {
	f, err := os.CreateTemp("", "slipway-model-*")
	if err != nil {
		return nil, fmt.Errorf("keep the model for its process: %w", err)
	}
	_, err = f.Write(artifact)
	if err := errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the model for its process: %w", err), f.Close())
	}
	return &own{cfg: cfg, file: f, request: ownRequest{
		Name: config.Name, Version: config.Version, Device: cfg.Device, DeviceMemory: cfg.DeviceMemory, Threads: cfg.Threads, Instances: config.Deployment.Instances, Size: int64(len(artifact)),
	}}, nil
}

func (o *own) launch() (*launch, error) {
	library, err := onnx.FindLibrary()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("open a connection to the model's process: %w", err)
	}
	return &launch{
		command: sandbox.Command{
			Entry: EntryONNX, Request: o.request, Files: []*os.File{o.file, theirs}, Env: []string{onnx.LibraryVariable + "=" + library},
			Limits: sandbox.Limits{Memory: o.cfg.Memory, Cores: o.cfg.Cores, OpenFiles: openFiles},
		},
		connect: func(context.Context) (net.Conn, error) { return ours, nil },
		release: sync.OnceValue(theirs.Close),
	}, nil
}

func (o *own) close() error { return o.file.Close() }

// socketPair opens a connection whose other end a child can be given.
func socketPair() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "connection"), os.NewFile(uintptr(fds[1]), "connection")
	conn, err := net.FileConn(ours) // a copy
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn, theirs, nil
}
