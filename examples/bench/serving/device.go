package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// deviceCommand is the first argument with which this program says what a model would run on.
const deviceCommand = "device"

// runDevice opens a device and prints library and provider; the error says why it can't be had.
func runDevice(args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet(deviceCommand, flag.ContinueOnError)
	library := flags.String("library", "", "the ONNX Runtime library")
	name := flags.String("device", "cuda", "cpu, cuda or cuda:N")
	if err := flags.Parse(args); err != nil {
		return err
	}
	device, err := onnx.ParseDevice(*name)
	if err != nil {
		return err
	}
	r, err := onnx.Start(*library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	provider := "CPUExecutionProvider"
	if _, ok := device.CUDA(); ok {
		provider = "CUDAExecutionProvider"
	}
	if err := r.Probe(device); err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	fmt.Fprintf(out, "library: ONNX Runtime %s, %s\nprovider: %s on %s\n", r.Version(), r.Library(), provider, device)
	return nil
}
