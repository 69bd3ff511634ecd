package testsuite

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/s3test"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// TestPostgresAndS3 takes a release to production on the cluster's backends:
// the catalog on PostgreSQL, the artifacts on an S3 server, the data encrypted.
func TestPostgresAndS3(t *testing.T) {
	t.Parallel()
	const key = "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="
	dsn, bucket := catalogtest.Postgres(t), s3test.Start(t)
	c := startClusterWith(t, dsn, bucket, "SLIPWAY_ENCRYPTION_KEY="+key)
	status := c.promote(credit("1.0.0"))
	require.Equal(t, contract.OutcomeProduction, status.Outcome)
	second := credit("1.1.0")
	l, stop := c.traffic(50)
	c.promote(second)
	stop()
	require.Zero(t, l.Total().Failed, l.LastError())
	c.batchOnBackends(bucket, key)

	for url, readable := range map[string]bool{"": false, key: true} {
		library, err := dataversion.Open(t.Context(), dataversion.Config{Catalog: dsn, Artifacts: bucket, EncryptionKey: url})
		require.NoError(t, err)
		defer library.Close()
		data, err := library.Catalog().Data(t.Context(), status.DataVersion)
		require.NoError(t, err)
		err = library.Get(t.Context(), data, dataversion.Selection{}, t.TempDir(), nil)
		require.Equal(t, readable, err == nil, "%v", err)
	}
}
