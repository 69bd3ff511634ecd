package control_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/control"
	"github.com/slipway-ml/slipway/internal/mlflow"
)

// withMLflow adds MLflow's API to a deployment's configuration.
func withMLflow(t *testing.T, c *control.Config) {
	t.Helper()
	repository, err := artifacts.NewRepository(c.Store, c.Catalog, artifacts.Options{})
	require.NoError(t, err)
	c.MLflow, err = mlflow.New(mlflow.Config{Catalog: c.Catalog, Repository: repository, Spool: t.TempDir(), Log: c.Log})
	require.NoError(t, err)
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func TestMLflowAsksForTheToken(t *testing.T) {
	t.Parallel()
	d := deploy(t, func(c *control.Config) {
		c.Token = token
		withMLflow(t, c)
	})
	const create, artifact = "/api/2.0/mlflow/experiments/create", "/api/2.0/mlflow-artifacts/artifacts/0/x"
	json := []string{"Content-Type", "application/json"}
	for _, path := range []string{create, artifact, "/ajax-api/2.0/mlflow/runs/search", "/api/3.0/mlflow/server-info", "/version", "/get-artifact", "/model-versions/get-artifact"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			answer, _ := d.do(method, path, "{}", json...)
			require.Equal(t, 401, answer.StatusCode, "%s %s", method, path)
		}
	}
	answer, text := d.do("POST", create, `{"name":"by token"}`, append(json, "Authorization", "Bearer "+token)...)
	require.Equal(t, 200, answer.StatusCode, text)
	// The client's user and password: who it is goes on record.
	answer, text = d.do("POST", create, `{"name":"by password"}`, append(json, "Authorization", "Basic "+basic("ann", token))...)
	require.Equal(t, 200, answer.StatusCode, text)
	_, events := d.do("GET", "/api/v1/events?action=experiment.created", "", "Authorization", "Bearer "+token)
	require.Contains(t, events, `"actor":"mlflow"`)
	require.Contains(t, events, `"actor":"ann"`)
}

func TestMLflowWithoutATokenIsForLoopbackAndForNoOtherSite(t *testing.T) {
	t.Parallel()
	d := deploy(t, func(c *control.Config) { withMLflow(t, c) })
	const create = "/api/2.0/mlflow/experiments/create"
	for name, header := range map[string][]string{
		"rebound name": {"Host", "attacker.example"},
		"another site": {"Origin", "https://attacker.example", "Sec-Fetch-Site", "cross-site"},
	} {
		answer, _ := d.do("POST", create, `{"name":"planted"}`, append(header, "Content-Type", "application/json")...)
		require.Equal(t, 403, answer.StatusCode, name)
	}
	answer, text := d.do("POST", create, `{"name":"ours"}`, "Content-Type", "application/json")
	require.Equal(t, 200, answer.StatusCode, text)
	require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
}
