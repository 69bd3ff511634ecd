package catalog

// Actions of events. They are part of the audit log and never change.
const (
	ActionReleaseBegun     = "release.begun"
	ActionReleaseAbandoned = "release.abandoned"
	// ActionReleaseEnded is followed by '.' and the outcome, as "release.ended.production".
	ActionReleaseEnded = "release.ended"
	// ActionGate is followed by '.' and the gate's state, as "gate.passed".
	ActionGate            = "gate"
	ActionDataSaved       = "data.saved"
	ActionModelRegistered = "model.registered"
	// ActionModelStage is every stage move but the one to production.
	ActionModelStage = "model.stage"
	// ActionModelPromoted moves route, stages and the alias "production" at once.
	ActionModelPromoted  = "model.promoted"
	ActionModelAlias     = "model.alias"
	ActionCanaryStaged   = "canary.staged"
	ActionCanaryShifted  = "canary.shifted"
	ActionCanaryCleared  = "canary.cleared"
	ActionMonitorChecked = "monitor.checked"
)

// Subjects of events are paths; the first segment is the kind.

// ReleaseSubject is the subject of a release's events, over all its attempts. It equals the workflow id.
func ReleaseSubject(model, version string) string { return "release/" + model + "/" + version }

// ModelSubject is the subject of a model version's events.
func ModelSubject(name, version string) string { return "model/" + name + "/" + version }

// RouteSubject is the subject of the moves of a model's canary. A promotion's
// subject is the model version.
func RouteSubject(model string) string { return "route/" + model }

// DataSubject is the subject of a data version's events.
func DataSubject(digest string) string { return "data/" + digest }

// MonitorSubject is the subject of the monitor windows of a model version.
func MonitorSubject(model, version string) string { return "monitor/" + model + "/" + version }
