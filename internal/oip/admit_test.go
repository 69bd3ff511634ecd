package oip

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full refuses every request that it is asked about.
type full struct{ Backend }

func (full) Authorized(string) bool { return true }
func (full) Admits(context.Context, string, string) error {
	return Errorf(Unavailable, "too many wait")
}

// A request is refused before it is read, whatever it says, unless it has a priority of its own.
func TestRefusedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	h := NewREST(full{}, Identity{}, 1<<20).Handler()
	for body, status := range map[string]int{`{"inputs":[`: http.StatusServiceUnavailable, `{"parameters":{"priority":1},"inputs":[`: http.StatusBadRequest} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", strings.NewReader(body)))
		require.Equal(t, status, w.Code, body)
		if status == http.StatusServiceUnavailable {
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
	}
}
