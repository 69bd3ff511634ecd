// Package mlflow answers the REST API of an MLflow tracking server (2.0, as MLflow
// 3 speaks it), so that the stock client and everything built on it works against
// Slipway unchanged. docs/mlflow.md lists what is answered and what differs.
//
// Invariants:
//
//   - every answer is what the client's protocol buffers can read: a JSON object,
//     int64 as numbers, floats that are not finite as strings, enums by name;
//   - every failure is {"error_code": …, "message": …} with the status that MLflow
//     gives that code; 503 only where trying again is safe;
//   - a request is checked here, against the limits of the protocol, before the
//     catalog sees it; facts and their rules are the catalog's;
//   - a body of JSON is bounded before it is read.
//
// Endpoints are methods of [API] of the shape func(ctx, *request) (answer, error), one
// area a file; the file's list of endpoints is in its ...Endpoints method.
//
// It must never import Temporal or decide who may call: internal/control mounts it
// behind its own authorization.
package mlflow
