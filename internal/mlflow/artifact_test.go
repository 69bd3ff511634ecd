package mlflow_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/mlflow"
)

const proxy = "/api/2.0/mlflow-artifacts/artifacts"

func TestArtifactsThroughTheProxy(t *testing.T) {
	each(t, func(s *server) {
		t := s.t
		id := s.newRun()
		base := proxy + "/0/" + id + "/artifacts/"
		for name, content := range map[string]string{"a.txt": "hello", "sub/b.html": "<script>alert(1)</script>", "sub/deep/c": "", "sub dir/d": "x"} {
			status, text := s.send("PUT", base+strings.ReplaceAll(name, " ", "%20"), content)
			require.Equal(t, 200, status, "%s", text)
		}
		listed := s.get("artifacts/list?run_id=" + id)
		require.Equal(t, "mlflow-artifacts:/0/"+id+"/artifacts", listed.text("root_uri"))
		require.Equal(t, []any{object{"path": "a.txt", "is_dir": false, "file_size": 5.0}, object{"path": "sub", "is_dir": true}, object{"path": "sub dir", "is_dir": true}}, listed.at("files"))
		require.Equal(t, "sub/deep", s.get("artifacts/list?run_id="+id+"&path=sub").text("files", 1, "path"))
		s.refused(400, mlflow.InvalidParameterValue, "path", "GET", "artifacts/list?run_id="+id+"&path=../..", nil)
		_, text := s.send("GET", proxy+"?path="+url.QueryEscape("0/"+id+"/artifacts/sub"), nil)
		require.JSONEq(t, `{"files":[{"path":"b.html","is_dir":false,"file_size":25},{"path":"deep","is_dir":true}]}`, string(text))

		status, text := s.send("GET", base+"a.txt", nil)
		require.Equal(t, 200, status)
		require.Equal(t, "hello", string(text))
		_, text = s.send("GET", base+"a.txt", nil, "Range", "bytes=1-3")
		require.Equal(t, "ell", string(text))
		_, text = s.send("PUT", base+"a.txt", "other")
		require.JSONEq(t, "{}", string(text))
		_, text = s.send("GET", base+"a.txt", nil)
		require.Equal(t, "other", string(text))
		status, _ = s.send("PUT", base+"a.txt/below", "x")
		require.Equal(t, 409, status)

		status, _ = s.send("DELETE", base+"sub", nil)
		require.Equal(t, 200, status)
		status, _ = s.send("GET", base+"sub/b.html", nil)
		require.Equal(t, 404, status)
		status, _ = s.send("DELETE", base+"sub", nil)
		require.Equal(t, 404, status)
	})
}

func TestArtifactIsNeverAPageOfOurs(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	s.send("PUT", proxy+"/0/x/artifacts/page.html", "<script>alert(1)</script>")
	got, err := http.Get(s.url + proxy + "/0/x/artifacts/page.html")
	require.NoError(t, err)
	defer got.Body.Close()
	require.Contains(t, got.Header.Get("Content-Disposition"), "attachment")
}

func TestPathsThatClimbAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	for _, path := range []string{"/..%2f..%2fetc%2fpasswd", "/a%2f..%2f..%2fb", "/a%00b", "/a%5cb", "/%2fetc", "/a%2f%2fb", "/s3:%2f%2fbucket"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			status, text := s.send(method, proxy+path, "x")
			require.Equal(t, 400, status, "%s %s: %s", method, path, text)
		}
	}
}

func TestLargeArtifactIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), func(c *mlflow.Config) { c.MaxUpload = 4 })
	status, text := s.send("PUT", proxy+"/0/x", "12345")
	require.Equal(t, 400, status)
	require.Contains(t, string(text), "at most 4")
}

func TestUploadLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	spool := t.TempDir()
	s := serve(t, catalogtest.SQLite(t), func(c *mlflow.Config) { c.Spool, c.MaxUpload = spool, 4 })
	s.send("PUT", proxy+"/0/x", "1234")
	s.send("PUT", proxy+"/0/x", "12345")
	left, err := os.ReadDir(spool)
	require.NoError(t, err)
	require.Empty(t, left)
}

// A collection frees what was deleted or replaced, and nothing else.
func TestCollectionFreesDeletedArtifacts(t *testing.T) {
	t.Parallel()
	c := catalogtest.SQLite(t)
	store, err := artifacts.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	repository, err := artifacts.NewRepository(store, c, artifacts.Options{})
	require.NoError(t, err)
	s := serve(t, c, func(cfg *mlflow.Config) { cfg.Repository = repository })
	for path, content := range map[string]string{"kept": "kept", "same": "kept", "deleted": "deleted", "replaced": "old"} {
		status, text := s.send("PUT", proxy+"/0/r/"+path, content)
		require.Equal(t, 200, status, "%s", text)
	}
	s.send("DELETE", proxy+"/0/r/deleted", nil)
	s.send("DELETE", proxy+"/0/r/same", nil)
	s.send("PUT", proxy+"/0/r/replaced", "new")
	out, err := dataversion.New(c, store, repository).Collect(t.Context(), dataversion.CollectOptions{Grace: -1}, catalog.Mark{Key: "gc", Actor: "test"})
	require.NoError(t, err)
	require.EqualValues(t, 2, out.Trees)
	for path, want := range map[string]string{"kept": "kept", "replaced": "new"} {
		_, text := s.send("GET", proxy+"/0/r/"+path, nil)
		require.Equal(t, want, string(text))
	}
	for _, content := range []string{"deleted", "old"} {
		_, err := repository.Open(t.Context(), artifacts.DigestOf([]byte(content)))
		require.ErrorIs(t, err, artifacts.ErrNotFound, content)
	}
}

func TestPartsAndPresignedAddressesAreNotImplemented(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	status, text := s.send("POST", "/api/2.0/mlflow-artifacts/mpu/create/0/x", object{"path": "x", "num_parts": 2})
	require.Equal(t, 501, status)
	require.Contains(t, string(text), "NOT_IMPLEMENTED")
	s.refused(501, mlflow.NotImplemented, "proxy", "POST", "artifacts/presigned-upload-url", object{})
}

func TestLoggedModelOverTheWire(t *testing.T) {
	each(t, func(s *server) {
		t := s.t
		run := s.newRun()
		made := s.post("logged-models", object{"experiment_id": "0", "name": "net", "source_run_id": run, "params": []object{{"key": "p", "value": "1"}}, "tags": []object{{"key": "t", "value": "x"}}})
		id := made.text("model", "info", "model_id")
		require.Regexp(t, "^m-[0-9a-f]{32}$", id)
		require.Equal(t, "LOGGED_MODEL_PENDING", made.text("model", "info", "status"))
		require.Equal(t, "mlflow-artifacts:/0/models/"+id+"/artifacts", made.text("model", "info", "artifact_uri"))
		s.call("PATCH", "logged-models/"+id, object{"model_id": id, "status": "LOGGED_MODEL_READY"})
		s.call("PATCH", "logged-models/"+id+"/tags", object{"tags": []object{{"key": "u", "value": "y"}}})
		s.call("DELETE", "logged-models/"+id+"/tags/t", object{})
		s.post("logged-models/"+id+"/params", object{"params": []object{{"key": "q", "value": "2"}}})
		s.post("runs/outputs", object{"run_id": run, "models": []object{{"model_id": id, "step": 3}}})
		s.post("runs/log-metric", object{"run_id": run, "key": "acc", "value": 0.9, "timestamp": 1, "model_id": id, "dataset_name": "test", "dataset_digest": "d"})
		s.send("PUT", proxy+"/0/models/"+id+"/artifacts/MLmodel", "flavors: {}")
		got := s.get("logged-models/" + id)
		require.Equal(t, "LOGGED_MODEL_READY", got.text("model", "info", "status"))
		require.Equal(t, []any{object{"key": "u", "value": "y"}}, got.at("model", "info", "tags"))
		require.Len(t, got.at("model", "data", "params"), 2)
		require.Equal(t, run, got.text("model", "data", "metrics", 0, "run_id"))
		require.Equal(t, 3.0, s.get("runs/get?run_id="+run).at("run", "outputs", "model_outputs", 0, "step"))
		require.Equal(t, "MLmodel", s.get("logged-models/"+id+"/artifacts/directories").text("files", 0, "path"))
		search := object{"experiment_ids": []string{"0"}, "filter": "metrics.acc > 0.5 AND params.q = '2'", "datasets": []object{{"dataset_name": "test"}}, "order_by": []object{{"field_name": "metrics.acc", "ascending": false}}}
		require.Len(t, s.post("logged-models/search", search).at("models"), 1)
		search["datasets"] = []object{{"dataset_name": "train"}}
		require.Nil(t, s.post("logged-models/search", search).at("models", 0))
		s.refused(400, mlflow.InvalidParameterValue, "model name", "POST", "logged-models", object{"experiment_id": "0", "name": "a/b"})
		s.call("DELETE", "logged-models/"+id, object{})
		s.refused(404, mlflow.DoesNotExist, id, "GET", "logged-models/"+id, nil)
		require.Equal(t, "net", s.get("logged-models/"+id+"?allow_deleted=True").text("model", "info", "name"))
	})
}
