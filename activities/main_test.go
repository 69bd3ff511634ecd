package activities_test

import (
	"os"
	"testing"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/sandbox"
)

// TestMain makes the test binary the child that models are tested in, and predict in.
func TestMain(m *testing.M) {
	entries := modelserver.Entries()
	entries[modeltest.ChildName] = modeltest.Child
	sandbox.Serve(entries)
	os.Exit(m.Run())
}
