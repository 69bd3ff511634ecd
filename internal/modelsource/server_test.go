package modelsource_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelsource"
)

// serve answers paths below /api/2.0 with fixed texts to whoever sends the credentials.
func serve(t *testing.T, user, password string, answers map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gotUser, gotPassword, _ := r.BasicAuth()
		at := r.URL.Path
		if r.URL.RawQuery != "" {
			at += "?" + r.URL.RawQuery
		}
		answer, known := answers[at]
		switch {
		case gotUser != user || gotPassword != password:
			w.WriteHeader(http.StatusUnauthorized)
		case !known:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such thing"}`))
		default:
			_, _ = w.Write([]byte(answer))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func none(string) string { return "" }

func fetch(t *testing.T, uri, address string, getenv func(string) string) (string, error) {
	t.Helper()
	s, err := modelsource.New(uri, getenv)
	require.NoError(t, err)
	a, err := modelsource.Parse(address)
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "model.onnx")
	if _, err := s.Fetch(t.Context(), a, to); err != nil {
		return "", err
	}
	b, err := os.ReadFile(to)
	require.NoError(t, err)
	return string(b), nil
}

func TestFetchWithCredentials(t *testing.T) {
	t.Parallel()
	uri := serve(t, "ann", "secret", map[string]string{
		"/api/2.0/mlflow/model-versions/get-download-uri?name=a+model&version=2": `{"artifact_uri": "mlflow-artifacts://host:80/1/models/m odd"}`,
		"/api/2.0/mlflow-artifacts/artifacts/1/models/m odd/MLmodel":             "flavors:\n  onnx:\n    data: model.onnx\n",
		"/api/2.0/mlflow-artifacts/artifacts/1/models/m odd/model.onnx":          "the bytes",
	})
	env := map[string]string{"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "secret"}
	got, err := fetch(t, uri, "mlflow://a model/2", func(name string) string { return env[name] })
	require.NoError(t, err)
	require.Equal(t, "the bytes", got)
	_, err = fetch(t, uri, "mlflow://a model/2", none)
	require.ErrorContains(t, err, "401")
}

func TestFetchRefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	location := func(uri string) map[string]string {
		return map[string]string{
			"/api/2.0/mlflow/model-versions/get-download-uri?name=m&version=1": `{"artifact_uri": "` + uri + `"}`,
			"/api/2.0/mlflow-artifacts/artifacts/1/sklearn/MLmodel":            "flavors: {sklearn: {pickled_model: model.pkl}}",
			"/api/2.0/mlflow-artifacts/artifacts/1/escape/MLmodel":             "flavors: {onnx: {data: ../../other/model.onnx}}",
			"/api/2.0/mlflow-artifacts/artifacts/1/broken/MLmodel":             "flavors: [",
		}
	}
	for uri, message := range map[string]string{
		"s3://bucket/m":               "--serve-artifacts",
		"mlflow-artifacts:/1/none":    "no model that MLflow logged",
		"mlflow-artifacts:/1/sklearn": "not one of ONNX",
		"mlflow-artifacts:/1/escape":  "not one of ONNX",
		"mlflow-artifacts:/1/broken":  "read 1/broken/MLmodel",
	} {
		_, err := fetch(t, serve(t, "", "", location(uri)), "mlflow://m/1", none)
		require.ErrorContains(t, err, message, uri)
	}
	_, err := fetch(t, serve(t, "", "", nil), "mlflow://m@champion", none)
	require.ErrorContains(t, err, "no such thing")
	for _, uri := range []string{"", "host:5000", "file:///mlruns", "databricks"} {
		_, err := modelsource.New(uri, none)
		require.ErrorContains(t, err, "MLFLOW_TRACKING_URI", uri)
	}
}
