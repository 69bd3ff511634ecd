package catalog

import "strconv"

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
	// ActionModelPromoted moves stages, the alias "production" and, of a model that is released, the route at once.
	ActionModelPromoted = "model.promoted"
	// ActionModelDemoted takes a version out of production with no other in its place.
	ActionModelDemoted = "model.demoted"
	ActionModelAlias   = "model.alias"
	// ActionModelUnaliased takes an alias away.
	ActionModelUnaliased = "model.unaliased"
	ActionModelUpdated   = "model.updated"
	ActionModelTagged    = "model.tagged"
	ActionModelUntagged  = "model.untagged"
	ActionModelDeleted   = "model.deleted"

	// Actions on a registered model, over its versions.
	ActionRegisteredModelCreated = "registered_model.created"
	ActionRegisteredModelUpdated = "registered_model.updated"
	// ActionRegisteredModelRenamed is on the new name, ActionRegisteredModelMoved, right before it, on the old one.
	ActionRegisteredModelRenamed  = "registered_model.renamed"
	ActionRegisteredModelMoved    = "registered_model.moved"
	ActionRegisteredModelDeleted  = "registered_model.deleted"
	ActionRegisteredModelTagged   = "registered_model.tagged"
	ActionRegisteredModelUntagged = "registered_model.untagged"

	ActionWebhookCreated = "webhook.created"
	ActionWebhookUpdated = "webhook.updated"
	ActionWebhookDeleted = "webhook.deleted"

	ActionCanaryStaged   = "canary.staged"
	ActionCanaryShifted  = "canary.shifted"
	ActionCanaryCleared  = "canary.cleared"
	ActionMonitorChecked = "monitor.checked"

	ActionExperimentCreated  = "experiment.created"
	ActionExperimentRenamed  = "experiment.renamed"
	ActionExperimentDeleted  = "experiment.deleted"
	ActionExperimentRestored = "experiment.restored"
	ActionRunDeleted         = "run.deleted"
	ActionRunRestored        = "run.restored"

	// ActionMirrorStarted has runs sent to another tracking server, ActionMirrorStopped no longer.
	ActionMirrorStarted = "mirror.started"
	ActionMirrorStopped = "mirror.stopped"
)

// Subjects of events are paths; the first segment is the kind.

// ReleaseSubject is the subject of a release's events, over all its attempts. It equals the workflow id.
func ReleaseSubject(model, version string) string { return "release/" + model + "/" + version }

// ModelSubject is the subject of a model version's events.
func ModelSubject(name, version string) string { return "model/" + name + "/" + version }

// RegisteredModelSubject is the subject of the events of a model over all its versions.
func RegisteredModelSubject(name string) string { return "model/" + name }

// WebhookSubject is the subject of a webhook's events.
func WebhookSubject(id string) string { return "webhook/" + id }

// RouteSubject is the subject of the moves of a model's canary. A promotion's
// subject is the model version.
func RouteSubject(model string) string { return "route/" + model }

// DataSubject is the subject of a data version's events.
func DataSubject(digest string) string { return "data/" + digest }

// ExperimentSubject is the subject of an experiment's events.
func ExperimentSubject(id int64) string { return "experiment/" + strconv.FormatInt(id, 10) }

// RunSubject is the subject of a run's events.
func RunSubject(uid string) string { return "run/" + uid }

// MirrorSubject is the subject of the events of a mirror of runs.
func MirrorSubject(name string) string { return "mirror/" + name }

// MonitorSubject is the subject of the monitor windows of a model version.
func MonitorSubject(model, version string) string { return "monitor/" + model + "/" + version }
