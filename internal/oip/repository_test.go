package oip

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// shelf holds a model that can be loaded and unloaded by anybody.
type shelf struct {
	Backend
	loaded bool
}

func (*shelf) Authorized(string) bool { return true }
func (*shelf) Operator(string) bool   { return true }
func (s *shelf) Index(context.Context) []Entry {
	state := StateUnavailable
	if s.loaded {
		state = StateReady
	}
	return []Entry{{Name: "m", Version: "1", State: state}}
}
func (s *shelf) Load(context.Context, LoadRequest) error { s.loaded = true; return nil }
func (s *shelf) Unload(context.Context, string) error    { s.loaded = false; return nil }

// There is one repository, which may be named; others are not found, whatever is asked of them.
func TestTheRepositoryHasAName(t *testing.T) {
	t.Parallel()
	backend, identity := &shelf{}, Identity{Name: "triton"}
	rest, service := NewREST(backend, identity, 1<<20).Handler(), NewGRPC(backend, identity)
	post := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		rest.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader("")))
		return w
	}
	calls := map[string]func(repository string) error{
		"/index": func(r string) error {
			_, err := service.RepositoryIndex(t.Context(), &pb.RepositoryIndexRequest{RepositoryName: r})
			return err
		},
		"/models/m/load": func(r string) error {
			_, err := service.RepositoryModelLoad(t.Context(), &pb.RepositoryModelLoadRequest{RepositoryName: r, ModelName: "m"})
			return err
		},
		"/models/m/unload": func(r string) error {
			_, err := service.RepositoryModelUnload(t.Context(), &pb.RepositoryModelUnloadRequest{RepositoryName: r, ModelName: "m"})
			return err
		},
	}
	for path, call := range calls {
		for name, known := range map[string]bool{"": true, "triton": true, "other": false, "slipway": false} {
			backend.loaded = strings.HasSuffix(path, "/unload")
			before := backend.loaded
			under := "/v2/repository/" + name
			answer := post(strings.TrimSuffix(under, "/") + path)
			if known {
				require.Equal(t, http.StatusOK, answer.Code, path+" "+name)
				require.NoError(t, call(name))
				require.Equal(t, backend.loaded, strings.HasSuffix(path, "/load"))
				continue
			}
			require.Equal(t, http.StatusNotFound, answer.Code)
			require.Contains(t, answer.Body.String(), "the only one is 'triton'")
			require.Equal(t, codes.NotFound, status.Code(call(name)))
			require.Equal(t, before, backend.loaded, "nothing was done")
		}
	}
}
