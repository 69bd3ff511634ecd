// Package webhook tells other systems of registry events by HTTP, as MLflow does:
// the same payloads, the same signature, the same headers.
//
// The catalog's events are the outbox. Each webhook has a cursor there, and a
// [Courier] moves it on only after the receiver has answered 2xx. So:
//
//   - nothing is lost: what was not delivered is still after the cursor, whatever
//     crashed; it is tried again with growing pauses for as long as the webhook is
//     active;
//   - one webhook has its events in order, and one that hangs or fails holds up no other;
//   - an event may come twice (a crash between the answer and the cursor). Its
//     delivery id is the same both times, so that a receiver can tell.
//
// Requests go to public addresses only, unless a network is allowed by
// configuration: the check is on the address that is dialled, after DNS, and no
// redirect is followed. Secrets are sealed by a keeper if there is one, and never
// logged.
//
// It must never import Temporal: the workflow slipway.Deliver calls it through an
// activity.
package webhook
