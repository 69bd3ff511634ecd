package canary

import (
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Traffic is what one gateway counted in one flush for one version.
type Traffic struct {
	OK     int64
	Errors int64
	// Sketch holds the latencies of the OK answers, as EncodeLatency writes them.
	Sketch []byte
}

// ArmStats is what one version answered in the period under comparison.
type ArmStats struct {
	Version  string
	Requests int64 // answers and errors of the model; a client's bad input is neither
	Errors   int64
	// Latency holds the latencies of the good answers in milliseconds; nil is none.
	Latency *ddsketch.DDSketch
}

// MergeTraffic adds up flushes of several gateways. A row whose sketch is
// damaged, or does not hold as many latencies as answers, is an error that
// names its place: statistics that contradict themselves must not decide.
func MergeTraffic(version string, rows []Traffic) (ArmStats, error) {
	sum := ArmStats{Version: version}
	latency, err := NewLatency()
	if err != nil {
		return sum, err
	}
	for i, row := range rows {
		if row.OK < 0 || row.Errors < 0 || row.OK > math.MaxInt64/4 || row.Errors > math.MaxInt64/4 {
			return sum, fmt.Errorf("traffic row %d of %s: counts %d and %d out of range", i, version, row.OK, row.Errors)
		}
		sketch, err := DecodeLatency(row.Sketch)
		if err != nil {
			return sum, fmt.Errorf("traffic row %d of %s: %w", i, version, err)
		}
		if n := sketch.GetCount(); n != float64(row.OK) {
			return sum, fmt.Errorf("traffic row %d of %s: %g latencies for %d answers", i, version, n, row.OK)
		}
		if err := latency.MergeWith(sketch); err != nil {
			return sum, fmt.Errorf("traffic row %d of %s: %w", i, version, err)
		}
		sum.Requests += row.OK + row.Errors
		sum.Errors += row.Errors
	}
	sum.Latency = latency
	return sum, nil
}

// sane bounds an arm to what arithmetic can take: no negative counts, no more
// errors than requests.
func (a ArmStats) sane() ArmStats {
	a.Requests = min(max(a.Requests, 0), 1<<52)
	a.Errors = min(max(a.Errors, 0), a.Requests)
	return a
}

// timed is the number of latencies the arm holds.
func (a ArmStats) timed() int64 {
	if a.Latency == nil {
		return 0
	}
	if n := a.Latency.GetCount(); n >= 1 && n <= 1<<52 {
		return int64(n)
	}
	return 0
}

// quantile is the arm's latency at q in ms for people to read: 0 without latencies.
func (a ArmStats) quantile(q float64) float64 {
	n := a.timed()
	if n == 0 || !(q >= 0 && q <= 1) {
		return 0
	}
	v, _ := atRank(a.Latency, min(max(int64(math.Ceil(q*float64(n))), 1), n), n)
	return v
}

func (a ArmStats) arm(q float64) contract.Arm {
	return contract.Arm{Version: a.Version, Requests: a.Requests, Errors: a.Errors, LatencyMS: a.quantile(q)}
}

// rate is the share of errors, 0 without requests.
func (a ArmStats) rate() float64 {
	if a.Requests == 0 {
		return 0
	}
	return float64(a.Errors) / float64(a.Requests)
}
