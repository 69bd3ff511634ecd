package testsuite

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/s3test"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/contract"
)

// TestPostgresAndS3 takes a release to production on the cluster's backends:
// the catalog on PostgreSQL and the artifacts on an S3 server.
func TestPostgresAndS3(t *testing.T) {
	t.Parallel()
	c := startCluster(t, catalogtest.Postgres(t), s3test.Start(t))
	status := c.promote(credit("1.0.0"))
	require.Equal(t, contract.OutcomeProduction, status.Outcome)
	second := credit("1.1.0")
	l, stop := c.traffic(50)
	c.promote(second)
	stop()
	require.Zero(t, l.Total().Failed, l.LastError())
}
