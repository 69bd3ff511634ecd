// Package telemetry sends traces to an OpenTelemetry collector, as the standard
// environment variables say, and holds the levels of the log, which can be changed
// while it is in use.
//
// It must never import another package of Slipway: those that make spans are
// given a provider, and none where nothing is to be sent.
package telemetry
