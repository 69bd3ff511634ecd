// Package control is the control API: clients put blobs through it and read
// what the catalog knows of releases, models, data, routes and the audit log;
// people read the same as pages. It is specified in docs/control-api.md.
//
// It starts and steers nothing: releases are started and signalled through
// Temporal. It must never import go.temporal.io, activities or workflows.
//
// Invariants: nothing but a blob is ever written, and only under the digest of
// its own bytes; with a token, no answer but a health check goes out without
// it; without one, only requests to a loopback name or an IP address are
// answered, so that a page elsewhere can't read through a name that points
// here; every error is JSON with what to do; pages run no script, and reports,
// which anyone with the token may have stored, are served without rights.
package control
