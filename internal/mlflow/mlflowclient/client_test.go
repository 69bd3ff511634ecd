package mlflowclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen = append(seen, fmt.Sprint(r.Method, " ", r.URL.Path, "?", r.URL.RawQuery, " ", string(b), " ", r.ContentLength, " ", r.Header.Get("Authorization")))
		_, _ = io.WriteString(w, `{"a": 1}`)
	}))
	t.Cleanup(server.Close)
	c, err := mlflowclient.New(server.URL+"/below/", mlflowclient.Credentials{Token: "t"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	var got struct{ A int }
	require.NoError(t, c.Get(t.Context(), &got, "mlflow/runs/get", "run_id", "a b&c"))
	require.Equal(t, 1, got.A)
	require.NoError(t, c.Post(t.Context(), "mlflow/runs/update", map[string]string{"k": "v"}, nil))
	require.NoError(t, c.PutFile(t.Context(), "1/r/artifacts/odd %25ü?#.txt", 3, strings.NewReader("abc")))
	require.NoError(t, c.DeleteFile(t.Context(), "x"))
	require.Equal(t, []string{
		"GET /below/api/2.0/mlflow/runs/get?run_id=a+b%26c  0 Bearer t",
		`POST /below/api/2.0/mlflow/runs/update? {"k":"v"} 9 Bearer t`,
		"PUT /below/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/odd %25ü?#.txt? abc 3 Bearer t",
		"DELETE /below/api/2.0/mlflow-artifacts/artifacts/x?  0 Bearer t",
	}, seen)
	for _, uri := range []string{"", "mlflow.example.org", "ftp://example.org", "http://", "://"} {
		_, err := mlflowclient.New(uri, mlflowclient.Credentials{})
		require.Error(t, err, uri)
	}
}

func TestErrorsSayWhoseFaultItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status        int
		body, message string
		refused       bool
	}{
		{400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"too long"}`, "too long", true},
		{409, `{"error_code":"RESOURCE_CONFLICT","message":"taken"}`, "taken", true},
		{413, "<html>", "too large", true},
		{400, "<html>a proxy</html>", "bad request", false}, // not MLflow's word
		{401, `{"error_code":"UNAUTHENTICATED","message":"who?"}`, "who?", false},
		{403, "", "forbidden", false},
		{404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"gone"}`, "gone", false},
		{429, "", "too many", false},
		{500, `{"error_code":"INTERNAL_ERROR","message":"locked"}`, "locked", false},
		{503, "", "unavailable", false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		client, err := mlflowclient.New(server.URL, mlflowclient.Credentials{User: "ann", Password: "hush"})
		require.NoError(t, err)
		err = client.Post(t.Context(), "mlflow/x", struct{}{}, nil)
		require.ErrorContains(t, err, c.message)
		require.ErrorContains(t, err, "mlflow/x")
		require.NotContains(t, err.Error(), "hush")
		require.Equal(t, c.refused, mlflowclient.Refused(fmt.Errorf("wrapped: %w", err)), "%d %s", c.status, c.body)
		require.Equal(t, c.status == 404, mlflowclient.Is(err, mlflowclient.CodeNotFound))
		client.Close()
		server.Close()
		err = client.Get(t.Context(), nil, "mlflow/x")
		require.Error(t, err, "nobody listens")
		require.False(t, mlflowclient.Refused(err))
	}
	require.False(t, mlflowclient.Refused(errors.New("other")))
}
