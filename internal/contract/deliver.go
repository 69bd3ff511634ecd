package contract

// Consumers of what the catalog has for others.
const (
	// ConsumerWebhooks tells webhooks of registry events.
	ConsumerWebhooks = "webhooks"
	// ConsumerMirror writes runs to another tracking server too.
	ConsumerMirror = "mirror"
)

// DeliverInput is the input of a Deliver workflow, which runs for good.
type DeliverInput struct {
	// Consumer says to whom: ConsumerWebhooks or ConsumerMirror.
	Consumer string `json:"consumer"`
	// Delivered counts what was delivered before this run.
	Delivered int64 `json:"delivered"`
}

// DeliverShiftInput asks for some minutes of deliveries.
type DeliverShiftInput struct {
	Consumer string `json:"consumer"`
}

// DeliverShift is what came of some minutes of deliveries.
type DeliverShift struct {
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`  // attempts; they are made again
	Failing   int   `json:"failing"` // receivers or runs whose last attempt failed
	// Ended tells that the consumer is gone for good: deliveries end.
	Ended bool `json:"ended,omitempty"`
}

// DeliverStatus answers the query of a Deliver workflow, as of its last shift.
type DeliverStatus struct {
	Consumer  string `json:"consumer"`
	Delivered int64  `json:"delivered"`
	Failing   int    `json:"failing"`
}
