// Command broken-models writes more than 200 broken ONNX files to a folder, to
// see what becomes of them: each is a failed test with a reason.
//
//	go run ./examples/broken-models /tmp/broken
//	slipway model test /tmp/broken/cycle-3.onnx --data internal/onnx/testdata/rows.csv --label label
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/internal/onnx/brokenmodel"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "broken-models: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the folder to write to, found %d arguments", len(args))
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // files to look at
		return err
	}
	models := brokenmodel.All()
	for _, m := range models {
		if err := os.WriteFile(filepath.Join(args[0], m.Name+".onnx"), m.Bytes, 0o644); err != nil { //nolint:gosec // files to look at
			return err
		}
	}
	fmt.Printf("%d files in %s\n", len(models), args[0])
	return nil
}
