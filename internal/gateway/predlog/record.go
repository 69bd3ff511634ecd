package predlog

import (
	"slices"
	"time"
)

// Record is one row of one request.
type Record struct {
	Model, Version string
	Time           time.Time
	RequestID      string
	// Subject is the digest of whom the request was for; empty if it named nobody.
	Subject string
	// Features by column: float64, bool, string or nil. Anything else is logged as missing.
	Features map[string]any
	// Numbers are features too, of a row that is a list: named by Names, or by their
	// place if there are none. A record has Features or Numbers.
	Numbers []float64
	Names   []string
	// Prediction is the label, or the value in its shortest exact form; empty on error.
	Prediction string
	// Probability is that of the predicted label; nil if the model gives none.
	Probability *float64
	LatencyMS   float64
	// Error is why there is no prediction.
	Error string
}

// Columns of a segment. Features follow under featurePrefix + their name.
const (
	columnTime        = "time"
	columnRequestID   = "request_id"
	columnSubject     = "subject"
	columnPrediction  = "prediction"
	columnProbability = "probability"
	columnLatency     = "latency_ms"
	columnError       = "error"
	featurePrefix     = "feature."
)

// MediaType is that of a segment.
const MediaType = "application/vnd.apache.parquet"

// without is the row less the columns named.
func without(features map[string]any, names []string) map[string]any {
	if len(names) == 0 || !slices.ContainsFunc(names, func(n string) bool { _, ok := features[n]; return ok }) {
		return features
	}
	out := make(map[string]any, len(features))
	for name, v := range features {
		if !slices.Contains(names, name) {
			out[name] = v
		}
	}
	return out
}

// isText tells whether any of a column's values is text.
func isText(records []Record, column string) bool {
	return slices.ContainsFunc(records, func(r Record) bool { _, ok := r.Features[column].(string); return ok })
}
