package modeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/spec"
)

// ChildName is the entry that a program gives to sandbox.Serve, with Child, so
// that Isolated works in it.
const ChildName = "model-tests"

// request is what the child is told; the bytes follow as blobs, in the order of their constants.
type request struct {
	Spec              spec.Model  `json:"spec"`
	Data              spec.Data   `json:"data"`
	Tests             spec.Tests  `json:"tests"`
	Personal          []string    `json:"personal"`
	ProductionVersion string      `json:"production_version"`
	Compared          bool        `json:"compared"` // there is a model in production
	Asked             bool        `json:"asked"`    // it has answered already
	Device            onnx.Device `json:"device"`
	TrainName         string      `json:"train_name"` // "" without training rows
}

// Blobs of a request.
const (
	blobModel      = iota
	blobTest       // the test table, as dataset.Table.MarshalBinary writes it
	blobProduction // the model; answers as JSON if request.Asked
	blobTrain      // the file with the training rows
	blobCount
)

// Child runs the tests in a child process. It loads ONNX Runtime, gives up
// every right that it can do without, and only then looks at model and rows.
func Child(c *sandbox.Child) (err error) {
	var r request
	if err := json.Unmarshal(c.Request, &r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if len(c.Blobs) != blobCount {
		return fmt.Errorf("read the request: %d blobs, want %d", len(c.Blobs), blobCount)
	}
	rt, err := onnx.Find()
	if err != nil {
		return err
	}
	memory, err := sandbox.OpenMemory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	reach := sandbox.Reach{}
	if r.Device != onnx.DeviceCPU && rt.CUDA() {
		reach.Read, reach.Write = rt.CUDAPaths()
	}
	if _, err := c.Confine(reach); err != nil {
		return err
	}
	in := Input{
		Model: c.Blobs[blobModel], Spec: r.Spec, Data: r.Data, Tests: r.Tests, Personal: r.Personal, ProductionVersion: r.ProductionVersion, Device: r.Device,
	}
	if r.Compared {
		in.Production = c.Blobs[blobProduction]
	}
	if r.Asked {
		in.answered = &answers{}
		if err := json.Unmarshal(in.Production, in.answered); err != nil {
			return fmt.Errorf("read the answers of production: %w", err)
		}
	}
	if in.Test, err = dataset.UnmarshalTable(c.Blobs[blobTest]); err != nil {
		return err
	}
	if r.TrainName != "" {
		train := c.Blobs[blobTrain]
		if in.Train, err = dataset.NewSource(bytes.NewReader(train), int64(len(train)), r.TrainName, dataset.SourceOptions{}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, in.Train.Close()) }()
	}
	_, err = run(context.Background(), rt, memory, in, func(s step) error { return c.Send(s) })
	return err
}
