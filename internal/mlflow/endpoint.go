package mlflow

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// endpoint is one RPC: a method and a path below /api/2.0/mlflow/.
type endpoint struct {
	method, path string
	serve        func(http.ResponseWriter, *http.Request) error
}

// empty is the answer of what only does something.
type empty struct{}

// rpc makes an endpoint of a function. Fields of In are filled by their json names
// from the query of a GET or the JSON body of everything else, then those with a
// path tag from the path.
func rpc[In, Out any](method, path string, do func(context.Context, *In) (Out, error)) endpoint {
	return endpoint{method, path, func(w http.ResponseWriter, r *http.Request) error {
		var in In
		if err := decode(w, r, &in); err != nil {
			return err
		}
		out, err := do(withCaller(r), &in)
		if err != nil {
			return err
		}
		return send(w, out)
	}}
}

type callerKey struct{}

// withCaller keeps who calls for mark.
func withCaller(r *http.Request) context.Context {
	name := ""
	if user, _, ok := r.BasicAuth(); ok {
		name = user
	}
	return context.WithValue(r.Context(), callerKey{}, name)
}

// mark is the mark of a mutation: by the user whose name the request carries (basic
// authentication), "mlflow" without one. The protocol has no idempotency keys:
// each request is an act of its own.
func mark(ctx context.Context, reason string) catalog.Mark {
	actor, _ := ctx.Value(callerKey{}).(string)
	if actor == "" {
		actor = "mlflow"
	}
	return catalog.Mark{Key: "mlflow/" + rand.Text(), Actor: actor, Reason: reason}
}
