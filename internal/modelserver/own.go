package modelserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// own starts this program again to run an ONNX model.
type own struct {
	cfg     Config
	request ownRequest
	lanes   int
	places  int      // of calls with a thread each; 0: none
	file    *os.File // the model; its name is gone, so it leaves nothing behind
}

// ownRequest is what the process is told.
type ownRequest struct {
	Model   spec.Model   `json:"model"`
	Options onnx.Options `json:"options"`
	Narrow  bool         `json:"narrow"`
	Size    int64        `json:"size"` // of the model, in bytes
}

// Files of the process. Behind them come the lanes of the pipe.
const (
	ownModel = iota
	ownConnection
	ownCancels
	ownLanes
)

// openFiles is enough for a model's server: it holds a connection and what its libraries open.
const openFiles = 1024

func newOwn(cfg Config, artifact []byte, config spec.Model, cores int) (*own, error) {
	f, err := os.CreateTemp("", "slipway-model-*")
	if err != nil {
		return nil, fmt.Errorf("keep the model for its process: %w", err)
	}
	_, err = f.Write(artifact)
	if err := errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the model for its process: %w", err), f.Close())
	}
	// Batches at once, and one more for who asks whether the model is well.
	places := 0
	if cfg.Narrow && cfg.Threads != 1 {
		places = serving.SideBySide(config.Deployment, len(artifact), cores, cfg.Memory)
	}
	lanes := min(max(serving.Places(config.Deployment, len(artifact), cores), places)+1, maxLanes)
	return &own{cfg: cfg, file: f, lanes: lanes, places: places, request: ownRequest{Model: config, Narrow: places > 0, Options: onnx.Options{Device: cfg.Device, DeviceMemory: cfg.DeviceMemory, Threads: cfg.Threads}, Size: int64(len(artifact))}}, nil
}

func (o *own) launch() (*launch, error) {
	library, err := onnx.FindLibrary()
	if err != nil {
		return nil, err
	}
	conns, files, err := socketPairs(ownLanes - ownConnection + o.lanes)
	if err != nil {
		return nil, fmt.Errorf("open connections to the model's process: %w", err)
	}
	return &launch{
		command: sandbox.Command{
			Entry: EntryONNX, Request: o.request, Files: append([]*os.File{o.file}, files...), Env: []string{onnx.LibraryVariable + "=" + library},
			Limits: sandbox.Limits{Memory: o.cfg.Memory, Cores: o.cfg.Cores, Nice: o.cfg.Nice, OpenFiles: openFiles},
		},
		connect: func(context.Context) (net.Conn, error) { return conns[0], nil },
		pipe:    &pipeEnds{cancels: conns[1], lanes: conns[2:]},
		release: sync.OnceValue(func() error { return closeAll(files) }),
	}, nil
}

func (o *own) narrow() int { return o.places }

func (o *own) close() error { return o.file.Close() }

// socketPairs opens n connections whose other ends a child can be given.
func socketPairs(n int) (ours []net.Conn, theirs []*os.File, err error) {
	for range n {
		conn, file, err := socketPair()
		if err != nil {
			return nil, nil, errors.Join(err, closeAll(ours), closeAll(theirs))
		}
		ours, theirs = append(ours, conn), append(theirs, file)
	}
	return ours, theirs, nil
}

func closeAll[T io.Closer](list []T) (err error) {
	for _, c := range list {
		err = errors.Join(err, c.Close())
	}
	return err
}

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
