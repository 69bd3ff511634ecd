package mlflow_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/mlflow"
)

// newRun adds a run to the default experiment.
func (s *server) newRun() string {
	s.t.Helper()
	return s.post("runs/create", object{"experiment_id": "0", "start_time": 1000}).text("run", "info", "run_id")
}

func TestExperimentOverTheWire(t *testing.T) {
	each(t, func(s *server) {
		t := s.t
		id := s.post("experiments/create", object{"name": "e", "tags": []object{{"key": "a", "value": "1"}}}).text("experiment_id")
		require.Equal(t, "1", id)
		e := s.get("experiments/get-by-name?experiment_name=e")
		require.Equal(t, "mlflow-artifacts:/1", e.text("experiment", "artifact_location"))
		require.Equal(t, "active", e.text("experiment", "lifecycle_stage"))
		require.Equal(t, "1", e.text("experiment", "tags", 0, "value"))
		require.IsType(t, 0.0, e.at("experiment", "creation_time"), "int64 is a number")
		require.Equal(t, answer{}, s.post("experiments/set-experiment-tag", object{"experiment_id": "1", "key": "b", "value": "2"}))
		s.refused(400, mlflow.AlreadyExists, "exists", "POST", "experiments/create", object{"name": "e"})
		s.refused(404, mlflow.DoesNotExist, "", "GET", "experiments/get?experiment_id=77", nil)
		s.refused(404, mlflow.DoesNotExist, "", "GET", "experiments/get-by-name?experiment_name=other", nil)
		s.refused(400, mlflow.InvalidParameterValue, "'name'", "POST", "experiments/create", object{})
		s.refused(400, mlflow.InvalidParameterValue, "500", "POST", "experiments/create", object{"name": strings.Repeat("x", 501)})
		s.post("experiments/delete", object{"experiment_id": id})
		s.refused(400, mlflow.AlreadyExists, "deleted", "POST", "experiments/create", object{"name": "e"})
		require.Equal(t, "deleted", s.get("experiments/get?experiment_id=1").text("experiment", "lifecycle_stage"))
		s.refused(400, mlflow.InvalidParameterValue, "active", "POST", "experiments/update", object{"experiment_id": id, "new_name": "f"})
		s.post("experiments/restore", object{"experiment_id": id})
		s.post("experiments/update", object{"experiment_id": id, "new_name": "f"})
		require.Equal(t, "f", s.get("experiments/get?experiment_id=1").text("experiment", "name"))
		s.refused(404, mlflow.DoesNotExist, "", "POST", "experiments/delete-experiment-tag", object{"experiment_id": id, "key": "nothing"})
	})
}

func TestNumbersMayBeStrings(t *testing.T) {
	each(t, func(s *server) {
		id := s.newRun()
		s.post("runs/log-metric", fmt.Sprintf(`{"run_uuid":%q,"key":"m","value":"NaN","timestamp":"12","step":"9007199254740993"}`, id))
		s.post("runs/log-metric", fmt.Sprintf(`{"run_id":%q,"key":"m","value":"-Infinity","timestamp":13,"step":1e1,"unknown":{"x":1}}`, id))
		history := s.get("metrics/get-history?run_id=" + id + "&metric_key=m")
		require.Equal(s.t, "-Infinity", history.text("metrics", 0, "value"))
		require.Equal(s.t, 10.0, history.at("metrics", 0, "step"))
		require.Equal(s.t, "NaN", history.text("metrics", 1, "value"))
		_, text := s.send("GET", "/ajax-api/2.0/mlflow/metrics/get-history?run_id="+id+"&metric_key=m", nil)
		require.Contains(s.t, string(text), `"step":9007199254740993`, "every digit of an int64")
	})
}

func TestLimitsOfALog(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	id := s.newRun()
	long := strings.Repeat("x", 8001)
	metrics := make([]object, 1001)
	for i := range metrics {
		metrics[i] = object{"key": "m", "value": 1, "timestamp": i, "step": 0}
	}
	pairs := make([]object, 101)
	for i := range pairs {
		pairs[i] = object{"key": fmt.Sprint("k", i), "value": "v"}
	}
	for name, test := range map[string]struct {
		path    string
		body    object
		message string
	}{
		"no run":          {"runs/log-metric", object{"key": "m", "value": 1, "timestamp": 1}, "'run_id'"},
		"no value":        {"runs/log-metric", object{"run_id": id, "key": "m", "timestamp": 1}, "'value'"},
		"no time":         {"runs/log-metric", object{"run_id": id, "key": "m", "value": 1}, "'timestamp'"},
		"before time":     {"runs/log-metric", object{"run_id": id, "key": "m", "value": 1, "timestamp": -1}, "timestamp"},
		"no number":       {"runs/log-metric", object{"run_id": id, "key": "m", "value": "much", "timestamp": 1}, "much"},
		"half a step":     {"runs/log-metric", object{"run_id": id, "key": "m", "value": 1, "timestamp": 1, "step": 0.5}, "0.5"},
		"key climbs":      {"runs/log-parameter", object{"run_id": id, "key": "../p", "value": "1"}, "'key'"},
		"key is absolute": {"runs/log-parameter", object{"run_id": id, "key": "/p", "value": "1"}, "'key'"},
		"key not clean":   {"runs/log-parameter", object{"run_id": id, "key": "a//b", "value": "1"}, "'key'"},
		"key has signs":   {"runs/set-tag", object{"run_id": id, "key": "a$b", "value": "1"}, "'key'"},
		"key too long":    {"runs/set-tag", object{"run_id": id, "key": long[:251], "value": "1"}, "250"},
		"tag too long":    {"runs/set-tag", object{"run_id": id, "key": "t", "value": long}, "8000"},
		"param too long":  {"runs/log-parameter", object{"run_id": id, "key": "p", "value": long[:6001]}, "6000"},
		"many metrics":    {"runs/log-batch", object{"run_id": id, "metrics": metrics}, "at most 1000 metrics"},
		"many params":     {"runs/log-batch", object{"run_id": id, "params": pairs}, "at most 100 params"},
		"many tags":       {"runs/log-batch", object{"run_id": id, "tags": pairs}, "at most 100 tags"},
		"many together":   {"runs/log-batch", object{"run_id": id, "metrics": metrics[:950], "params": pairs[:51]}, "at most 1000 metrics, params and tags"},
		"param twice":     {"runs/log-batch", object{"run_id": id, "params": []object{{"key": "p", "value": "1"}, {"key": "p", "value": "1"}}}, "Duplicate parameter keys"},
		"not a list":      {"runs/log-batch", object{"run_id": id, "metrics": "m"}, "'metrics'"},
		"a bad id":        {"runs/log-batch", object{"run_id": "../x"}, "'run_id'"},
		"bad status":      {"runs/update", object{"run_id": id, "status": "DONE"}, "'status'"},
		"no page":         {"runs/search", object{"experiment_ids": []string{"0"}, "max_results": 0}, "max_results"},
		"too large page":  {"runs/search", object{"experiment_ids": []string{"0"}, "max_results": 50001}, "max_results"},
		"made up token":   {"runs/search", object{"experiment_ids": []string{"0"}, "page_token": "x"}, "page token"},
		"two names":       {"runs/create", object{"experiment_id": "0", "run_name": "a", "tags": []object{{"key": "mlflow.runName", "value": "b"}}}, "different values"},
		"data, no name":   {"runs/log-inputs", object{"run_id": id, "datasets": []object{{"dataset": object{"digest": "d"}}}}, "'name'"},
		"model, no json":  {"runs/log-model", object{"run_id": id, "model_json": "x"}, "'model_json'"},
		"model, a part":   {"runs/log-model", object{"run_id": id, "model_json": "{}"}, "missing mandatory fields"},
	} {
		t.Log(name)
		s.refused(400, mlflow.InvalidParameterValue, test.message, "POST", test.path, test.body)
	}
	r := s.get("runs/get?run_id=" + id)
	require.Nil(t, r.at("run", "data", "metrics"))
	require.Nil(t, r.at("run", "data", "params"))
	s.refused(400, mlflow.InvalidParameterValue, "more than 1048576 bytes", "POST", "runs/set-tag", object{"run_id": id, "key": "t", "value": strings.Repeat("x", 1<<20)})
	s.refused(400, mlflow.BadRequest, "not JSON", "POST", "runs/set-tag", "{")
}

func TestRunWithoutANameGetsOne(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	made := s.post("runs/create", object{"experiment_id": "0"})
	require.Regexp(t, `^[a-z]+-[a-z]+-[0-9]+$`, made.text("run", "info", "run_name"))
	require.Regexp(t, `^[0-9a-f]{32}$`, made.text("run", "info", "run_id"))
	require.Equal(t, made.text("run", "info", "run_id"), made.text("run", "info", "run_uuid"))
	require.Equal(t, "RUNNING", made.text("run", "info", "status"))
	require.Nil(t, made.at("run", "info", "end_time"))
}

func TestTokenBelongsToItsSearch(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	for range 3 {
		s.newRun()
	}
	search := func(more object) object {
		q := object{"experiment_ids": []string{"0"}, "max_results": 2}
		for k, v := range more {
			q[k] = v
		}
		return q
	}
	first := s.post("runs/search", search(nil))
	token := first.text("next_page_token")
	require.NotEmpty(t, token)
	rest := s.post("runs/search", search(object{"page_token": token}))
	require.Len(t, rest.at("runs"), 1)
	require.Empty(t, rest.text("next_page_token"))
	s.refused(400, mlflow.InvalidParameterValue, "other parameters", "POST", "runs/search", search(object{"page_token": token, "order_by": []string{"start_time ASC"}}))
}

func TestOtherSitesAndFormsAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	body := `{"name":"planted"}`
	for name, header := range map[string][]string{
		"another site's page": {"Sec-Fetch-Site", "cross-site"},
		"another origin":      {"Origin", "https://elsewhere.example"},
		"a form":              {"Content-Type", "text/plain"},
	} {
		status, text := s.send("POST", "/api/2.0/mlflow/experiments/create", body, header...)
		require.Contains(t, []int{http.StatusForbidden, http.StatusBadRequest}, status, "%s: %s", name, text)
	}
	s.refused(404, mlflow.DoesNotExist, "", "GET", "experiments/get-by-name?experiment_name=planted", nil)
}

func TestMetricsOfManyRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	ids := []string{s.newRun(), s.newRun()}
	for _, id := range ids {
		for step := range 5 {
			s.post("runs/log-metric", object{"run_id": id, "key": "m", "value": step, "timestamp": 1, "step": step})
		}
	}
	path := "metrics/get-history-bulk-interval?metric_key=m&run_ids=" + ids[0] + "&run_ids=" + ids[1]
	require.Len(t, s.get(path).at("metrics"), 10)
	some := s.get(path + "&max_results=2")
	require.Len(t, some.at("metrics"), 6)
	require.Equal(t, ids[0], some.text("metrics", 0, "run_id"))
	require.Len(t, s.get(path+"&start_step=2&end_step=3").at("metrics"), 4)
	s.refused(400, mlflow.InvalidParameterValue, "end_step", "GET", path+"&start_step=3&end_step=2", nil)
	s.refused(400, mlflow.InvalidParameterValue, "'run_ids'", "GET", "metrics/get-history-bulk-interval?metric_key=m", nil)
}

func TestModelHistoryOfOldClients(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	id := s.newRun()
	model := func(path string) string {
		text, err := json.Marshal(object{"artifact_path": path, "flavors": object{}, "utc_time_created": "now", "run_id": id})
		require.NoError(t, err)
		return string(text)
	}
	s.post("runs/log-model", object{"run_id": id, "model_json": model("a")})
	s.post("runs/log-model", object{"run_id": id, "model_json": model("b")})
	found := s.post("runs/search", object{"experiment_ids": []string{"0"}, "filter": "tags.`mlflow.log-model.history` LIKE '%\"b\"%'"})
	require.Len(t, found.at("runs"), 1)
}

// Requests that MLflow's own tests send to a server, and what these want to read in the answer.
func TestRefusalsNameTheParameterAsMLflowDoes(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	id := s.newRun()
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprint("id_", i)
	}
	for _, test := range []struct {
		path string
		body object
		want string
	}{
		{"experiments/create", object{"name": 123}, "Invalid value 123 for parameter 'name'"},
		{"experiments/create", object{"name": "e", "artifact_location": json.RawMessage("9.0")}, "Invalid value 9.0 for parameter 'artifact_location'"},
		{"experiments/create", object{"name": "e", "tags": "5"}, `Invalid value "5" for parameter 'tags'`},
		{"experiments/search-datasets", object{"experiment_ids": many}, "SearchDatasets request cannot specify more than"},
		{"experiments/search-datasets", object{}, "SearchDatasets request must specify at least one experiment_id."},
		{"runs/log-metric", object{"run_id": 31, "key": "m", "value": 1, "timestamp": 1}, "Invalid value 31 for parameter 'run_id' supplied"},
		{"runs/log-metric", object{"run_id": id, "key": "m", "value": 1, "timestamp": 1, "step": "foo"}, `Invalid value "foo" for parameter 'step' supplied`},
		{"runs/log-metric", object{"run_id": id, "key": "m", "value": 1, "timestamp": "foo", "step": 1}, `Invalid value "foo" for parameter 'timestamp' supplied`},
		{"runs/log-metric", object{"run_id": nil, "key": "m", "value": 1, "timestamp": 1}, "Missing value for required parameter 'run_id'"},
		{"runs/log-metric", object{"run_id": id, "value": 1, "timestamp": 1}, "Missing value for required parameter 'key'"},
		{"runs/set-tag", object{"run_id": id, "key": "param", "value": 41}, "Invalid value 41 for parameter 'value' supplied"},
		{"runs/log-batch", object{"run_id": id, "params": "foo"}, `Invalid value "foo" for parameter 'params' supplied`},
		{"runs/log-inputs", object{"run_id": id}, "Missing value for required parameter 'datasets'"},
	} {
		s.refused(400, mlflow.InvalidParameterValue, test.want, "POST", test.path, test.body)
	}
	for path, want := range map[string]string{
		"artifacts/list?path=../path&run_id=" + id:                                                    "Invalid path",
		"metrics/get-history-bulk?metric_key=key":                                                     "GetMetricHistoryBulk request must specify at least one run_id",
		"metrics/get-history-bulk?run_id=123":                                                         "GetMetricHistoryBulk request must specify a metric_key",
		"metrics/get-history-bulk?metric_key=key&run_id=" + strings.Join(many, "&run_id="):            "GetMetricHistoryBulk request cannot specify more than",
		"metrics/get-history-bulk-interval?metric_key=key&run_ids=" + strings.Join(many, "&run_ids="): "GetMetricHistoryBulkInterval request must specify at most 100 run_ids.",
		"metrics/get-history-bulk-interval?metric_key=key&run_ids=1&max_results=0":                    "max_results must be between 1 and 2500",
		"metrics/get-history-bulk-interval?run_ids=1&max_results=5":                                   "Missing value for required parameter 'metric_key'",
		"metrics/get-history-bulk-interval?metric_key=key&run_ids=1&start_step=1&end_step=0":          "end_step must be greater than start_step. ",
		"metrics/get-history-bulk-interval?metric_key=key&run_ids=1&start_step=1":                     "both must be specified.",
	} {
		s.refused(400, mlflow.InvalidParameterValue, want, "GET", path, nil)
	}
	s.refused(404, mlflow.DoesNotExist, "No tag with name: fakeTag", "POST", "runs/delete-tag", object{"run_id": id, "key": "fakeTag"})
	s.refused(404, mlflow.DoesNotExist, "Run with id=nobody", "POST", "runs/delete-tag", object{"run_id": "nobody", "key": "t"})
	s.post("runs/delete", object{"run_id": id})
	s.refused(400, mlflow.InvalidParameterValue, "The run "+id+" must be in", "POST", "runs/delete-tag", object{"run_id": id, "key": "t"})
}

func TestSampledStepsAreMLflows(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	fill := func(last, every int) string {
		id := s.newRun()
		for step := 0; step <= last; step += every {
			s.post("runs/log-metric", object{"run_id": id, "key": "m", "value": 10, "timestamp": 1, "step": step})
		}
		return id
	}
	steps := func(query string) map[string][]float64 {
		out := map[string][]float64{}
		list, _ := s.get("metrics/get-history-bulk-interval?metric_key=m&max_results=5" + query).at("metrics").([]any)
		for _, m := range list {
			id, _ := m.(object)["run_id"].(string)
			step, _ := m.(object)["step"].(float64)
			out[id] = append(out[id], step)
		}
		return out
	}
	ten, twenty, hundred := fill(9, 1), fill(19, 1), fill(100, 20)
	require.Equal(t, map[string][]float64{ten: {0, 2, 4, 6, 8, 9}}, steps("&run_ids="+ten))
	require.Equal(t, map[string][]float64{ten: {0, 1, 2, 3, 4}}, steps("&start_step=0&end_step=4&run_ids="+ten))
	require.Equal(t, map[string][]float64{ten: {0, 4, 8, 9}, twenty: {0, 4, 8, 9, 12, 16, 19}}, steps("&run_ids="+ten+"&run_ids="+twenty))
	require.Equal(t, map[string][]float64{hundred: {0, 20, 40, 60, 80, 100}}, steps("&run_ids="+hundred))

	bulk := s.get("metrics/get-history-bulk?metric_key=m&max_results=12&run_id=" + twenty + "&run_id=" + ten + "&run_id=nobody")
	require.Len(t, bulk.at("metrics"), 12)
}

func TestGetArtifactOfARun(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	id := s.newRun()
	s.send("PUT", proxy+"/0/"+id+"/artifacts/a/b.txt", "there")
	status, text := s.send("GET", "/get-artifact?run_id="+id+"&path=a/b.txt", nil)
	require.Equal(t, 200, status)
	require.Equal(t, "there", string(text))
	require.Equal(t, "a", s.get("artifacts/list?run_id="+id+"&path=.").text("files", 0, "path"))
	require.Equal(t, "a/b.txt", s.get("artifacts/list?run_id="+id+"&path=./a").text("files", 0, "path"))
	s.post("registered-models/create", object{"name": "m"})
	s.post("model-versions/create", object{"name": "m", "source": "runs:/" + id + "/a", "run_id": id})
	s.post("model-versions/create", object{"name": "m", "source": "s3://elsewhere"})
	status, text = s.send("GET", "/model-versions/get-artifact?name=m&version=1&path=b.txt", nil)
	require.Equal(t, 200, status)
	require.Equal(t, "there", string(text))
	for query, want := range map[string]int{"name=m&version=1&path=c.txt": 404, "name=m&version=1&path=../x": 400, "name=m&version=x&path=b.txt": 400, "name=m&version=2&path=b.txt": 400, "name=n&version=1&path=b": 404} {
		status, _ := s.send("GET", "/model-versions/get-artifact?"+query, nil)
		require.Equal(t, want, status, query)
	}
	status, text = s.send("GET", "/get-artifact?run_id="+id+"&path=../path", nil)
	require.Equal(t, 400, status)
	require.JSONEq(t, `{"error_code":"INVALID_PARAMETER_VALUE","message":"Invalid path"}`, string(text))
}
