package catalog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestBeat(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		instance := func(version, state string) catalog.Instance {
			return catalog.Instance{Gateway: "g1", Model: "m", Version: version, Digest: digestOf("m", version), State: state, Device: "cpu", UpdatedAt: noon}
		}
		g1 := catalog.Gateway{ID: "g1", Host: "h", HTTP: "127.0.0.1:1", GRPC: "127.0.0.1:2", StartedAt: noon, SeenAt: noon}
		require.NoError(t, c.Beat(ctx, g1, []catalog.Instance{instance("1", catalog.InstanceReady), instance("2", catalog.InstanceLoading)}))
		require.NoError(t, c.Beat(ctx, catalog.Gateway{ID: "g2", SeenAt: noon.Add(-time.Hour)}, nil))
		g1.SeenAt = noon.Add(time.Second)
		require.NoError(t, c.Beat(ctx, g1, []catalog.Instance{instance("2", catalog.InstanceReady)}))

		live, err := c.Gateways(ctx, noon)
		require.NoError(t, err)
		require.Equal(t, []catalog.Gateway{g1}, live)
		all, err := c.Gateways(ctx, time.Time{})
		require.NoError(t, err)
		require.Len(t, all, 2)
		got, err := c.Instances(ctx, digestOf("m", "2"))
		require.NoError(t, err)
		require.Equal(t, []catalog.Instance{instance("2", catalog.InstanceReady)}, got)
		got, err = c.Instances(ctx, digestOf("m", "1"))
		require.NoError(t, err)
		require.Empty(t, got)

		for range 2 {
			require.NoError(t, c.Leave(ctx, "g1"))
		}
		got, err = c.Instances(ctx, "")
		require.NoError(t, err)
		require.Empty(t, got)
		require.ErrorIs(t, c.Beat(ctx, catalog.Gateway{}, nil), catalog.ErrInvalid)
		require.Empty(t, events(t, c), "the data plane is not in the audit log")
	})
}

func TestTraffic(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		var flush []catalog.Traffic
		for i := range 1200 {
			flush = append(flush, catalog.Traffic{Gateway: "g", Seq: int64(i), Model: "m", Version: "1", RouteRev: int64(1 + i/600),
				At: noon.Add(time.Duration(i) * time.Second), OK: 3, Errors: 1, Sketch: []byte{0, 0xff, byte(i)}})
		}
		flush[0].Sketch = nil
		require.NoError(t, c.AddTraffic(ctx, nil))
		require.NoError(t, c.AddTraffic(ctx, flush))
		changed := flush[5]
		changed.OK = 99
		require.NoError(t, c.AddTraffic(ctx, []catalog.Traffic{changed, flush[6]}), "a repeat is ignored")
		got, err := c.Traffic(ctx, "m", "1", 0)
		require.NoError(t, err)
		require.Equal(t, flush, got)
		got, err = c.Traffic(ctx, "m", "1", 2)
		require.NoError(t, err)
		require.Equal(t, flush[600:], got)
		require.NoError(t, c.PruneTraffic(ctx, flush[700].At))
		got, err = c.Traffic(ctx, "m", "1", 0)
		require.NoError(t, err)
		require.Equal(t, flush[700:], got)
		got, err = c.Traffic(ctx, "m", "2", 0)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

func TestSegments(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		var all []catalog.Segment
		for i := range 5 {
			s := catalog.Segment{Gateway: "g", Seq: int64(i), Model: "m", Version: "1", From: noon.Add(time.Duration(i) * time.Minute),
				To: noon.Add(time.Duration(i)*time.Minute + 59*time.Second), Rows: 100, Digest: fmt.Sprintf("sha256:0%d", i)}
			all = append(all, s)
			for range 2 {
				require.NoError(t, c.AddSegment(ctx, s))
			}
		}
		for name, test := range map[string]struct {
			until time.Time
			rows  int64
			want  []int64
		}{
			"all":                        {noon.Add(time.Hour), 0, []int64{4, 3, 2, 1, 0}},
			"enough":                     {noon.Add(time.Hour), 150, []int64{4, 3}},
			"exactly":                    {noon.Add(time.Hour), 200, []int64{4, 3}},
			"too few":                    {noon.Add(time.Hour), 9999, []int64{4, 3, 2, 1, 0}},
			"one in half is not counted": {noon.Add(2*time.Minute + time.Second), 100, []int64{2, 1}},
			"before all":                 {noon, 1, nil},
		} {
			got, err := c.Segments(ctx, "m", "1", test.until, test.rows)
			require.NoError(t, err, name)
			var seqs []int64
			for _, s := range got {
				require.Equal(t, all[s.Seq], s)
				seqs = append(seqs, s.Seq)
			}
			require.Equal(t, test.want, seqs, name)
		}
		require.ErrorIs(t, c.AddSegment(ctx, catalog.Segment{Gateway: "g", Model: "m", Version: "1", Digest: "sha256:00"}), catalog.ErrInvalid)
	})
}

func TestMonitorReports(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		report := catalog.MonitorReport{Model: "m", Version: "1", End: noon, State: "ok", Summary: "no drift", Report: "sha256:0a", Samples: 500}
		later := report
		later.End, later.State = noon.Add(time.Minute), "drift"
		for range 2 {
			require.NoError(t, c.AddMonitorReport(ctx, later, mark("2")))
			require.NoError(t, c.AddMonitorReport(ctx, report, mark("1")))
		}
		got, err := c.MonitorReports(ctx, "m", 0)
		require.NoError(t, err)
		require.Equal(t, []catalog.MonitorReport{later, report}, got)
		got, err = c.MonitorReports(ctx, "m", 1)
		require.NoError(t, err)
		require.Equal(t, []catalog.MonitorReport{later}, got)
		require.Len(t, events(t, c), 2)
	})
}
