package blobindex_test

import (
	"testing"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/artifacts/blobindex"
	"github.com/slipway-ml/slipway/artifacts/blobindex/blobindextest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	blobindextest.Run(t, func(*testing.T) artifacts.Index { return blobindex.NewMemory() })
}
