// Package outbox is what consumers of the catalog's outbox have in common: those
// that carry what is on record there to a server elsewhere, in order, until it has
// arrived (packages mirror and webhook).
//
//	Loop ── every so often, or when woken ──► a round: what is due, and has no attempt under way, is begun
//	Retry ── the pause after so many failures
//	Note ── the time that an outcome has to be put on record, also once told to stop
//
// It knows neither the catalog nor any server, and must never import them or go.temporal.io.
//
// Invariant, held by the tests: when a loop has ended no attempt is under way.
package outbox
