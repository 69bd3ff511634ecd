// Package http1 serves an http.Handler to clients that keep their connections and send one small request after the
// other, at less than half of what net/http takes for each: no goroutine beside the connection's own, no deadline
// set and no clock read for a request, one read and one write.
//
// It knows one plain form of HTTP/1.1 (see parseHead): GET without a body and POST with a Content-Length, nothing
// escaped in the path, a head of at most 4 KiB. The first request of a connection that has any other form goes to net/http
// with all that comes after it, before the handler has seen anything of it, so that whatever is unusual, wrong or
// hostile is judged there and nowhere else. What reaches the handler is the same either way.
//
// One goroutine looks after all connections: every few milliseconds while requests are in hand it sees who has been at
// the same thing for too long, and whose client has gone away.
package http1
