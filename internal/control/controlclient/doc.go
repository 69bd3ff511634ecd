// Package controlclient speaks to the control API: blobs by digest, and what
// the catalog knows of releases, models and data.
//
// It has types of its own for what the API answers, so that a program that
// only asks needs no database driver. It must never import the catalog, the
// server beside it or go.temporal.io.
//
// Invariants: every error names what was asked and of whom; what the server
// hints at is kept (see Error); a blob is sent with the digest it must have.
package controlclient
