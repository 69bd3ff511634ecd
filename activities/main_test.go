package activities_test

import (
	"os"
	"testing"

	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/sandbox"
)

// TestMain makes the test binary the child that models are tested in.
func TestMain(m *testing.M) {
	sandbox.Serve(map[string]sandbox.Entry{modeltest.ChildName: modeltest.Child})
	os.Exit(m.Run())
}
