package spec

import "time"

// Defaults that other packages need where a policy leaves a limit out.
const (
	DefaultMinAccuracy  = 0.8
	DefaultMaxLatencyMS = 100.0
	DefaultMinScore     = 0.95
)

// QualityChecks lists the data quality checks that a policy may require.
func QualityChecks() []string {
	return []string{"completeness", "uniqueness", "validity", "consistency", "timeliness"}
}

// DefaultRequired lists what a policy of this type requires when it names
// nothing: quality checks or document kinds. Nil for other types.
func DefaultRequired(t PolicyType) []string {
	switch t {
	case PolicyDataQuality:
		return []string{"completeness", "uniqueness", "validity"}
	case PolicyDocumentation:
		return []string{"model_card", "training_data", "evaluation_report"}
	}
	return nil
}

// SetDefaults fills in every field that has a default and is zero. It changes
// nothing in a spec that is complete. A field with a default other than zero
// never allows an explicit zero, so nothing that was written is overwritten.
func (r *Release) SetDefaults() {
	orSet(&r.APIVersion, APIVersion)
	r.Model.Deployment.setDefaults()
	r.Tests.setDefaults()
	orSet(&r.Approvals.Deadline, Duration(72*time.Hour))
	orSet(&r.Approvals.EscalateAfter, Duration(24*time.Hour))
	r.Canary.setDefaults()
	r.Monitor.setDefaults()
	r.setDerived()
}

// setDerived fills in the defaults that follow from other fields.
func (r *Release) setDerived() {
	if r.Data.Version == "" { // else the version has a name
		orSet(&r.Data.Name, r.Model.Name)
	}
	if r.Data.Reference.IsZero() {
		r.Data.Reference = r.Data.Train
	}
	for i := range r.Policies {
		r.Policies[i].setDefaults()
	}
}

func (d *Deployment) setDefaults() {
	orSet(&d.Kind, "online")
	orSet(&d.BatchSize, 32)
	orSet(&d.Priority, 1)
	orSet(&d.MaxLatencyMS, 100)
	orSet(&d.MaxThroughput, 1000)
	orPoint(&d.AutoScaling, true)
	orSet(&d.HealthCheckInterval, Duration(30*time.Second))
}

func (t *Tests) setDefaults() {
	orSet(&t.LatencyMS, 100)
	orSet(&t.MemoryMB, 500)
	orSet(&t.Tolerance, 1e-6)
	orSet(&t.Skipped, SkippedPasses)
	t.Gradient.SetDefaults()
	t.Process.SetDefaults()
	t.SetQualityDefaults()
}

func (p *Policy) setDefaults() {
	switch p.Type {
	case PolicyPerformance:
		orPoint(&p.MinAccuracy, DefaultMinAccuracy)
		orPoint(&p.MaxLatencyMS, DefaultMaxLatencyMS)
	case PolicyDataQuality:
		orPoint(&p.MinScore, DefaultMinScore)
	}
	if p.Required == nil {
		p.Required = DefaultRequired(p.Type)
	}
}

func (c *Canary) setDefaults() {
	if c.Steps == nil {
		for _, weight := range []float64{5, 25, 50, 100} {
			c.Steps = append(c.Steps, Step{Weight: weight, Duration: Duration(time.Minute)})
		}
	}
	orSet(&c.WarmUp, Duration(5*time.Minute))
	a := &c.Analysis
	orSet(&a.Interval, Duration(10*time.Second))
	orSet(&a.MinSamples, 50)
	orSet(&a.HoldDeadline, Duration(10*time.Minute))
	orSet(&a.Alpha, 0.05)
	orSet(&a.MaxErrorRate, 0.1)
	orSet(&a.MaxLatencyRatio, 2)
	orSet(&a.LatencyQuantile, 0.95)
	orSet(&a.LatencyFloorMS, 5)
}

func (m *Monitor) setDefaults() {
	orSet(&m.Interval, Duration(time.Minute))
	orSet(&m.Window, 1000)
	orSet(&m.MinSamples, 100)
	orSet(&m.KSAlpha, 0.05)
	orSet(&m.PSILimit, 0.2)
	orSet(&m.PSIBins, 10)
}

func orSet[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

func orPoint[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
