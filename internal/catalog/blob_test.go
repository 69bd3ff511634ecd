package catalog_test

import (
	"testing"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/artifacts/blobindex/blobindextest"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

var _ artifacts.Index = (*catalog.Catalog)(nil)

func TestBlobIndex(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		blobindextest.Run(t, func(t *testing.T) artifacts.Index { return catalogtest.SQLite(t) })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		blobindextest.Run(t, func(t *testing.T) artifacts.Index { return catalogtest.Open(t, catalogtest.Postgres(t)) })
	})
}
