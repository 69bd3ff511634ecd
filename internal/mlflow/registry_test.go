package mlflow_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/mlflow"
	"github.com/slipway-ml/slipway/internal/webhook"
)

type object = map[string]any

func (s *server) registered(name string, versions int) {
	s.t.Helper()
	s.post("registered-models/create", object{"name": name})
	for range versions {
		s.post("model-versions/create", object{"name": name, "source": "s3://models/" + name})
	}
}

func TestRegisteredModels(t *testing.T) {
	each(t, func(s *server) {
		made := s.post("registered-models/create", object{"name": "m", "description": "d", "tags": []object{{"key": "a", "value": "1"}}})
		require.Equal(s.t, "d", made.text("registered_model", "description"))
		require.Equal(s.t, "mlflow", made.text("registered_model", "user_id"))
		s.refused(400, mlflow.AlreadyExists, "already exists", "POST", "registered-models/create", object{"name": "m"})
		for _, bad := range []string{"", " ", "a/b", "a:b", "a@b", ".."} {
			s.refused(400, mlflow.InvalidParameterValue, "name", "POST", "registered-models/create", object{"name": bad})
		}
		s.refused(400, mlflow.InvalidParameterValue, "key", "POST", "registered-models/create", object{"name": "n", "tags": []object{{"key": "../x"}}})
		s.refused(404, mlflow.DoesNotExist, "Registered Model with name=none not found", "GET", "registered-models/get?name=none", nil)

		v := s.post("model-versions/create", object{"name": "m", "source": "s3://m/1", "run_id": "r1", "run_link": "http://r", "description": "first", "tags": []object{{"key": "k", "value": "v"}}})
		require.Equal(s.t, "1", v.text("model_version", "version"))
		require.Equal(s.t, "None", v.text("model_version", "current_stage"))
		require.Equal(s.t, "READY", v.text("model_version", "status"))
		require.Equal(s.t, "v", v.text("model_version", "tags", 0, "value"))
		s.post("model-versions/create", object{"name": "m", "source": "models:/m/1"})
		require.Equal(s.t, "s3://m/1", s.get("model-versions/get-download-uri?name=m&version=2").text("artifact_uri"))
		s.refused(404, mlflow.DoesNotExist, "Model Version (name=m, version=9) not found", "GET", "model-versions/get?name=m&version=9", nil)
		s.refused(400, mlflow.InvalidParameterValue, "version", "GET", "model-versions/get?name=m", nil)
		s.refused(400, mlflow.InvalidParameterValue, "integer", "GET", "model-versions/get?name=m&version=x", nil)
		for _, bad := range []string{"relative/path", "/etc/passwd", "file:///etc/passwd", "s3://a/../b", "mlflow-artifacts:/0/..%252f..%252fx", "mlflow-artifacts:/0/run/artifacts/m", "http://h/%00"} {
			s.refused(400, mlflow.InvalidParameterValue, "source", "POST", "model-versions/create", object{"name": "m", "source": bad})
		}
		s.refused(404, mlflow.DoesNotExist, "", "POST", "model-versions/create", object{"name": "m", "source": "models:/none/1"})
		s.refused(404, mlflow.DoesNotExist, "", "POST", "model-versions/create", object{"name": "none", "source": "s3://x"})

		require.Equal(s.t, "better", s.call("PATCH", "model-versions/update", object{"name": "m", "version": "1", "description": "better"}).text("model_version", "description"))
		s.call("POST", "model-versions/set-tag", object{"name": "m", "version": "1", "key": "k", "value": "w"})
		s.call("DELETE", "model-versions/delete-tag", object{"name": "m", "version": "1", "key": "gone"})
		s.call("POST", "registered-models/set-tag", object{"name": "m", "key": "t", "value": "2"})
		s.call("DELETE", "registered-models/delete-tag", object{"name": "m", "key": "a"})
		s.call("PATCH", "registered-models/update", object{"name": "m", "description": "new"})
		got := s.get("registered-models/get?name=m")
		require.Equal(s.t, "new", got.text("registered_model", "description"))
		require.Equal(s.t, []any{object{"key": "t", "value": "2"}}, got.at("registered_model", "tags"))
		require.Equal(s.t, "2", got.text("registered_model", "latest_versions", 0, "version"))

		s.call("POST", "registered-models/rename", object{"name": "m", "new_name": "n"})
		require.Equal(s.t, "w", s.get("model-versions/get?name=n&version=1").text("model_version", "tags", 0, "value"))
		s.call("DELETE", "model-versions/delete", object{"name": "n", "version": "2"})
		require.Equal(s.t, "3", s.post("model-versions/create", object{"name": "n", "source": "s3://m/3"}).text("model_version", "version"), "a number is given once")
		s.call("DELETE", "registered-models/delete", object{"name": "n"})
		s.refused(404, mlflow.DoesNotExist, "", "DELETE", "registered-models/delete", object{"name": "n"})
		s.refused(404, mlflow.DoesNotExist, "", "GET", "model-versions/get?name=n&version=1", nil)
	})
}

func TestStagesAndAliases(t *testing.T) {
	each(t, func(s *server) {
		s.registered("m", 3)
		move := func(version, stage string, archive bool) object {
			return object{"name": "m", "version": version, "stage": stage, "archive_existing_versions": archive}
		}
		s.post("model-versions/transition-stage", move("1", "production", false))
		require.Equal(s.t, "1", s.get("registered-models/alias?name=m&alias=production").text("model_version", "version"))
		s.refused(409, mlflow.Conflict, "version 1 of model m is in production, promoted by mlflow", "POST", "model-versions/transition-stage", move("2", "Production", false))
		s.post("model-versions/transition-stage", move("2", "Production", true))
		require.Equal(s.t, "Archived", s.get("model-versions/get?name=m&version=1").text("model_version", "current_stage"))
		s.post("model-versions/transition-stage", move("1", "Staging", false))
		s.post("model-versions/transition-stage", move("3", "Staging", true))
		require.Equal(s.t, "Archived", s.get("model-versions/get?name=m&version=1").text("model_version", "current_stage"))
		s.refused(400, mlflow.InvalidParameterValue, "Value must be one of None", "POST", "model-versions/transition-stage", move("1", "Nowhere", false))
		s.refused(400, mlflow.InvalidParameterValue, "not an Active stage", "POST", "model-versions/transition-stage", move("1", "Archived", true))

		found := s.post("registered-models/get-latest-versions", object{"name": "m"})
		require.Len(s.t, found.at("model_versions"), 3)
		found = s.get("registered-models/get-latest-versions?name=m&stages=Production&stages=staging")
		require.Len(s.t, found.at("model_versions"), 2)
		require.Equal(s.t, "2", found.text("model_versions", 0, "version"))

		s.call("POST", "registered-models/alias", object{"name": "m", "alias": "champion", "version": "1"})
		s.call("POST", "registered-models/alias", object{"name": "m", "alias": "champion", "version": "3"})
		require.Equal(s.t, "3", s.get("registered-models/alias?name=m&alias=champion").text("model_version", "version"))
		require.Equal(s.t, "champion", s.get("model-versions/get?name=m&version=3").text("model_version", "aliases", 0))
		require.Equal(s.t, "3", s.get("registered-models/alias?name=m&alias=Latest").text("model_version", "version"))
		s.call("DELETE", "registered-models/alias", object{"name": "m", "alias": "champion"})
		s.call("DELETE", "registered-models/alias", object{"name": "m", "alias": "champion"})
		s.refused(400, mlflow.InvalidParameterValue, "alias champion not found", "GET", "registered-models/alias?name=m&alias=champion", nil)
		for _, bad := range []string{"", "latest", "V12", "a b", "a/b"} {
			s.refused(400, mlflow.InvalidParameterValue, "alias", "POST", "registered-models/alias", object{"name": "m", "alias": bad, "version": "1"})
		}
		// The alias production is the stage.
		s.call("POST", "registered-models/alias", object{"name": "m", "alias": "production", "version": "3"})
		require.Equal(s.t, "Production", s.get("model-versions/get?name=m&version=3").text("model_version", "current_stage"))
		s.call("DELETE", "registered-models/alias", object{"name": "m", "alias": "production"})
		require.Equal(s.t, "Archived", s.get("model-versions/get?name=m&version=3").text("model_version", "current_stage"))
		_, err := s.catalog.VerifyEvents(s.t.Context())
		require.NoError(s.t, err)
	})
}

// TestReleasesGovernTheirModels: what Slipway releases and what is protected moves elsewhere.
func TestReleasesGovernTheirModels(t *testing.T) {
	each(t, func(s *server) {
		ctx, c := s.t.Context(), s.catalog
		by := func(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "ann", Reason: "why"} }
		_, err := c.BeginRelease(ctx, catalog.Release{Model: "m", Version: "1.0.0", Run: "r"}, by("begin"))
		require.NoError(s.t, err)
		_, _, err = c.RegisterModel(ctx, catalog.Model{Name: "m", Version: "1.0.0", Digest: "sha256:aa", Release: "release/m/1.0.0@r"}, nil, by("register"))
		require.NoError(s.t, err)
		got := s.get("model-versions/get?name=m&version=1")
		require.Equal(s.t, "Staging", got.text("model_version", "current_stage"))
		require.Equal(s.t, "slipway:sha256:aa", got.text("model_version", "source"))
		const hint = "slipway release start"
		s.refused(403, mlflow.PermissionDenied, hint, "POST", "model-versions/transition-stage", object{"name": "m", "version": "1", "stage": "Production"})
		s.refused(403, mlflow.PermissionDenied, hint, "POST", "registered-models/alias", object{"name": "m", "version": "1", "alias": "production"})
		s.refused(403, mlflow.PermissionDenied, hint, "DELETE", "registered-models/delete", object{"name": "m"})
		s.refused(403, mlflow.PermissionDenied, hint, "POST", "registered-models/rename", object{"name": "m", "new_name": "n"})
		protected := true
		_, err = c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden", Version: "1.0.0", Protected: &protected}, by("alias"))
		require.NoError(s.t, err)
		s.post("model-versions/create", object{"name": "m", "source": "s3://x"})
		s.refused(403, mlflow.PermissionDenied, "protected", "POST", "registered-models/alias", object{"name": "m", "version": "2", "alias": "golden"})
		s.refused(403, mlflow.PermissionDenied, "protected", "DELETE", "registered-models/alias", object{"name": "m", "alias": "golden"})
		s.call("POST", "registered-models/alias", object{"name": "m", "version": "2", "alias": "free"})
	})
}

func TestSearchRegistry(t *testing.T) {
	each(t, func(s *server) {
		for i, name := range []string{"a", "b", "c", "It's"} {
			s.post("registered-models/create", object{"name": name, "tags": []object{{"key": "team.x", "value": []string{"red", "blue"}[i%2]}}})
			s.post("model-versions/create", object{"name": name, "source": "s3://models/x", "run_id": "run" + name[:1], "tags": []object{{"key": "n", "value": name}}})
		}
		s.post("registered-models/create", object{"name": "prompt", "tags": []object{{"key": "mlflow.prompt.is_prompt", "value": "true"}}})
		s.post("model-versions/create", object{"name": "prompt", "source": "s3://p"})
		names := func(what, list, filter string, more ...string) (out []string) {
			s.t.Helper()
			token := ""
			for {
				q := url.Values{"filter": {filter}, "max_results": {"2"}, "page_token": {token}}
				for _, o := range more {
					q.Add("order_by", o)
				}
				got := s.get(what + "/search?" + q.Encode())
				found, _ := got.at(list).([]any)
				for i := range found {
					out = append(out, got.text(list, i, "name"))
				}
				if token = got.text("next_page_token"); token == "" {
					return out
				}
			}
		}
		models := func(filter string, more ...string) []string {
			s.t.Helper()
			return names("registered-models", "registered_models", filter, more...)
		}
		versions := func(filter string, more ...string) []string {
			s.t.Helper()
			return names("model-versions", "model_versions", filter, more...)
		}
		require.Equal(s.t, []string{"It's", "a", "b", "c"}, models(""))
		require.Equal(s.t, []string{"c", "b", "a", "It's"}, models("", "name DESC"))
		require.Equal(s.t, []string{"It's"}, models("name = 'It''s'"))
		require.Equal(s.t, []string{"b"}, models("name ilike 'B' AND tags.`team.x` = 'blue'"))
		require.Equal(s.t, []string{"prompt"}, models("tags.`mlflow.prompt.is_prompt` = 'true'"))
		require.Len(s.t, models("tags.`mlflow.prompt.is_prompt` != 'true'"), 4)
		require.Equal(s.t, []string{"c", "b", "a"}, versions("name IN ('a', 'b', 'c')", "name DESC"))
		require.Equal(s.t, []string{"b"}, versions("run_id = 'runb' and version_number >= 1"))
		require.Empty(s.t, versions("version_number > 1"))
		require.Equal(s.t, []string{"c"}, versions("tags.n = 'c'"))
		require.Len(s.t, versions(""), 4)
		for _, bad := range []string{"name", "name = x", "nothing = 'x'", "metrics.x > 1", "name > 'a'", "version_number = 'x'", "tags.x IN ('a')", "name = 'a' OR name = 'b'", "name = 'a"} { // the last one is not closed
			s.refused(400, mlflow.InvalidParameterValue, "", "GET", "model-versions/search?filter="+url.QueryEscape(bad), nil)
		}
		s.refused(400, mlflow.InvalidParameterValue, "order by", "GET", "registered-models/search?order_by=description", nil)
		s.refused(400, mlflow.InvalidParameterValue, "duplicate", "GET", "registered-models/search?order_by=name&order_by=name+desc", nil)
		s.refused(400, mlflow.InvalidParameterValue, "max_results", "GET", "registered-models/search?max_results=1001", nil)
		s.refused(400, mlflow.InvalidParameterValue, "token", "GET", "registered-models/search?page_token=AAAA", nil)
	})
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		var calls atomic.Int64
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			body, _ := io.ReadAll(r.Body)
			if r.Header.Get(webhook.HeaderSignature) == "" || len(body) == 0 {
				w.WriteHeader(400)
			}
			_, _ = io.WriteString(w, "thanks")
		}))
		t.Cleanup(receiver.Close)
		c := open()
		s := serve(t, c, func(cfg *mlflow.Config) {
			var err error
			cfg.Webhooks, err = webhook.New(webhook.Config{Catalog: c, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
			require.NoError(t, err)
		})
		created := object{"entity": "MODEL_VERSION", "action": "CREATED"}
		made := s.post("webhooks", object{"name": "w1", "url": receiver.URL, "events": []object{created, {"entity": "MODEL_VERSION_ALIAS", "action": "DELETED"}}, "secret": "hush"})
		id := made.text("webhook", "webhook_id")
		require.Len(t, id, 36)
		require.Equal(t, "ACTIVE", made.text("webhook", "status"))
		require.Equal(t, "MODEL_VERSION_ALIAS", made.text("webhook", "events", 1, "entity"))
		s.post("webhooks", object{"name": "w2", "url": receiver.URL, "events": []object{created}, "status": "DISABLED"})
		page := s.get("webhooks?max_results=1")
		require.Equal(t, "w2", page.text("webhooks", 0, "name"))
		page = s.get("webhooks?max_results=1&page_token=" + url.QueryEscape(page.text("next_page_token")))
		require.Equal(t, "w1", page.text("webhooks", 0, "name"))
		require.Empty(t, page.text("next_page_token"))
		_, text := s.send("GET", "/api/2.0/mlflow/webhooks/"+id, nil)
		require.NotContains(t, string(text), "hush")

		result := s.post("webhooks/"+id+"/test", object{})
		require.Equal(t, object{"success": true, "response_status": 200.0, "response_body": "thanks"}, result.at("result"))
		got := s.call("PATCH", "webhooks/"+id, object{"url": "http://127.0.0.1:1/", "status": "DISABLED"})
		require.Equal(t, "DISABLED", got.text("webhook", "status"))
		require.Equal(t, "w1", got.text("webhook", "name"))
		require.Contains(t, s.post("webhooks/"+id+"/test", object{"event": created}).text("result", "error_message"), "refused")
		for message, bad := range map[string]object{
			"name":     {"url": receiver.URL, "events": []object{created}},
			"invalid":  {"name": "-x", "url": receiver.URL, "events": []object{created}},
			"public":   {"name": "x", "url": "http://10.0.0.1/", "events": []object{created}},
			"scheme":   {"name": "x", "url": "ftp://example.org", "events": []object{created}},
			"events":   {"name": "x", "url": receiver.URL},
			"exploded": {"name": "x", "url": receiver.URL, "events": []object{{"entity": "MODEL", "action": "EXPLODED"}}},
			"status":   {"name": "x", "url": receiver.URL, "events": []object{created}, "status": "ASLEEP"},
		} {
			s.refused(400, mlflow.InvalidParameterValue, message, "POST", "webhooks", bad)
		}
		s.call("DELETE", "webhooks/"+id, nil)
		s.refused(404, mlflow.DoesNotExist, "not found", "GET", "webhooks/"+id, nil)
		s.refused(404, mlflow.DoesNotExist, "not found", "POST", "webhooks/"+id+"/test", object{})
		require.Equal(t, int64(1), calls.Load())
	})
}
