package main

import (
	"os"
	"testing"

	"github.com/slipway-ml/slipway/internal/sandbox"
)

// TestMain makes the test binary the child that models are tested in.
func TestMain(m *testing.M) {
	sandbox.Serve(children())
	os.Exit(m.Run())
}
