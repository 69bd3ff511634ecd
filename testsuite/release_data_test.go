package testsuite

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// data runs a data command on the cluster's catalog and store.
func (c *cluster) data(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	return command(c.t, filepath.Join(need(c.t, "SLIPWAY_BIN"), "slipway"), append(append([]string{"data"}, args...),
		"--catalog", c.dsn, "--artifacts", filepath.Join(c.dir, "artifacts"), "--cache", filepath.Join(c.dir, "cache"), "--as", "ann")...)
}

// dataJSON runs a data command that must work and reads what it prints.
func (c *cluster) dataJSON(out any, args ...string) {
	c.t.Helper()
	text, errs, code := c.data(append(args, "-o", "json")...)
	require.Zero(c.t, code, "%v\n%s%s", args, text, errs)
	require.NoError(c.t, json.Unmarshal([]byte(text), out), text)
}

// page reads a page of the control API.
func (c *cluster) page(path string) string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.control+path, http.NoBody)
	require.NoError(c.t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, answer.StatusCode, string(text))
	return string(text)
}

func example(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(examples, name))
	require.NoError(t, err)
	return content
}

// folderOf writes files into a folder of their own.
func folderOf(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir
}

// jsonLines writes a table as JSON lines, numbers as numbers.
func jsonLines(t *testing.T, table []byte) []byte {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	require.NoError(t, err)
	var out bytes.Buffer
	for _, row := range rows[1:] {
		line := map[string]any{}
		for i, field := range row {
			line[rows[0][i]] = field
			if n, err := strconv.ParseInt(field, 10, 64); err == nil {
				line[rows[0][i]] = n
			}
		}
		require.NoError(t, json.NewEncoder(&out).Encode(line))
	}
	return out.Bytes()
}

// TestReleaseData follows the data of releases on real processes: what the gate
// keeps, what the data commands see of it, who protects it and what frees it.
func TestReleaseData(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	c.testFilesBecomeAVersion(t)
	c.testStoredVersion(t)
	c.testPoorData(t)
	c.testProtectedWhileUnderWay(t)
	c.testSchemaOfEnvironments(t)
	_, err := c.openCatalog().VerifyEvents(t.Context())
	require.NoError(t, err)
}

func (c *cluster) testFilesBecomeAVersion(t *testing.T) {
	status := c.promote(credit("1.0.0"))
	var versions []controlclient.Data
	c.dataJSON(&versions, "list")
	require.Len(t, versions, 1)
	require.Equal(t, status.DataVersion, versions[0].Digest)
	require.True(t, versions[0].Tree)
	require.EqualValues(t, 2, versions[0].FileCount)

	// The same files by hand: the same version, nothing stored.
	files := map[string][]byte{"train.csv": example(t, "data/train.csv"), "test.csv": example(t, "data/test.csv")}
	var added struct {
		Version controlclient.Data
		Existed bool
		Stored  int64
	}
	c.dataJSON(&added, "add", folderOf(t, files), "--name", "by-hand")
	require.True(t, added.Existed)
	require.Equal(t, status.DataVersion, added.Version.Digest)
	require.Zero(t, added.Stored)
	to := t.TempDir()
	c.dataJSON(&struct{}{}, "get", "credit-risk@1", "--to", to)
	for name, content := range files {
		got, err := os.ReadFile(filepath.Join(to, name))
		require.NoError(t, err)
		require.Equal(t, content, got)
	}
	_, errs, code := c.data("verify", "credit-risk@1")
	require.Zero(t, code, errs)
	out, _, _ := c.data("lineage", "credit-risk@1")
	require.Contains(t, out, "credit-risk/1.0.0")
	_, errs, code = c.data("rm", "credit-risk@1", "--reason", "x")
	require.NotZero(t, code)
	require.Contains(t, errs, "in production")

	// The report: on the release's page, as page, JSON and JUnit XML.
	gate := status.Gates[0]
	require.Contains(t, c.page("/reports/"+gate.JUnit), `<testsuite name="data/train.csv"`)
	require.Contains(t, c.page("/reports/"+gate.Page), "Data validation")
	page := c.page("/releases/credit-risk/1.0.0")
	for _, digest := range []string{gate.JUnit, gate.Page, gate.Report} {
		require.Contains(t, page, "/reports/"+digest)
	}
	m, err := c.openCatalog().Model(t.Context(), model, "1.0.0")
	require.NoError(t, err)
	for _, check := range []string{"completeness", "uniqueness", "validity", "consistency"} {
		require.InDelta(t, 1, m.Metrics[check], 0, check)
	}
	require.Positive(t, m.Metrics["accuracy"])
}

// A release may name a stored version, of any format; monitoring reads it too.
func (c *cluster) testStoredVersion(t *testing.T) {
	dir := folderOf(t, map[string][]byte{
		"train.jsonl": jsonLines(t, example(t, "data/train.csv")), "test.jsonl": jsonLines(t, example(t, "data/test.csv")),
	})
	_, errs, code := c.data("add", dir, "--name", "lines")
	require.Zero(t, code, errs)
	_, errs, code = c.data("tag", "lines@1", "golden")
	require.Zero(t, code, errs)
	s := credit("1.1.0")
	s.Stored, s.Train, s.Test = "golden", "train.jsonl", "test.jsonl"
	_, stop := c.traffic(100)
	status := c.promote(s)
	stop()
	found, err := c.openCatalog().Data(t.Context(), "lines@1")
	require.NoError(t, err)
	require.Equal(t, found.Digest, status.DataVersion)
	out, _, _ := c.data("lineage", "golden")
	require.Contains(t, out, "credit-risk/1.1.0")

	_, errs, code = c.cli("schedule", "trigger", "--schedule-id", contract.MonitorID(model))
	require.Zero(t, code, errs)
	cat := c.openCatalog()
	require.Eventually(t, func() bool {
		reports, err := cat.MonitorReports(t.Context(), model, 1)
		return err == nil && len(reports) > 0 && reports[0].Version == s.Version
	}, 2*time.Minute, 500*time.Millisecond, "no monitor report")

	s.Version, s.Test = "1.1.1", "nothing.jsonl"
	path := s.write(t)
	_, errs, code = c.slipway("release", "start", "-f", path, "--as", "alice")
	require.Equal(t, 1, code)
	require.Contains(t, errs, path+`:8: data.test: lines@1 has no file "nothing.jsonl"`)
}

// The quality of the data decides the policy on it, and is on record with the model.
func (c *cluster) testPoorData(t *testing.T) {
	var train bytes.Buffer
	for i, line := range strings.SplitAfter(string(example(t, "data/train.csv")), "\n") {
		if fields := strings.Split(line, ","); i > 0 && len(fields) > 15 { // two columns of 21 have no value
			fields[3], fields[7] = "", ""
			line = strings.Join(fields, ",")
		}
		train.WriteString(line)
	}
	schema := strings.NewReplacer("{name: dependents,", "{name: dependents, nullable: true,", "{name: residence_since,", "{name: residence_since, nullable: true,").
		Replace(string(example(t, "schema.yaml")))
	s := credit("1.2.0")
	s.Strict = true
	s.Train, s.Schema = s.with(t, "train.csv", train.Bytes()), s.with(t, "schema.yaml", []byte(schema))
	c.start(s)
	status, code := c.watch(s.Version)
	require.Equal(t, 3, code)
	require.Equal(t, contract.OutcomeFailed, status.Outcome, status.Reason)
	require.Equal(t, contract.GateStopped, status.Gates[3].State)
	require.Contains(t, status.Reason, "completeness")
	m, err := c.openCatalog().Model(t.Context(), model, s.Version)
	require.NoError(t, err)
	require.Equal(t, catalog.StageRejected, m.Stage)
	require.InDelta(t, 19./21, m.Metrics["completeness"], 1e-9)

	// What a release brought that did not make it goes with its version.
	_, errs, code := c.data("rm", status.DataVersion, "--keep", "0s", "--reason", "poor")
	require.Zero(t, code, errs)
	var freed struct {
		Versions []string
		Freed    int64
	}
	c.dataJSON(&freed, "gc", "--grace", "0s")
	require.Equal(t, []string{"credit-risk@2"}, freed.Versions)
	require.Positive(t, freed.Freed)
	_, errs, code = c.data("verify")
	require.Zero(t, code, errs)
}

func (c *cluster) testProtectedWhileUnderWay(t *testing.T) {
	s := credit("1.3.0")
	s.Approvals = 1
	s.Test = s.with(t, "test.csv", append(example(t, "data/test.csv"), bytes.SplitAfter(example(t, "data/train.csv"), []byte("\n"))[1]...))
	c.start(s)
	status := c.until(s.Version, "asked for approval", func(r contract.ReleaseStatus) bool { return r.Waiting != "" })
	_, errs, code := c.data("rm", status.DataVersion, "--reason", "x")
	require.NotZero(t, code)
	require.Contains(t, errs, "under way")
	_, errs, code = c.slipway("release", "abort", model+"/"+s.Version, "--as", "alice", "--reason", "done")
	require.Zero(t, code, errs)
	_, code = c.watch(s.Version)
	require.Equal(t, 3, code)
	_, errs, code = c.data("rm", status.DataVersion, "--reason", "x")
	require.Zero(t, code, errs)

	// A version that is in production is not released again, by the plain temporal CLI either.
	input, errs, code := c.slipway("release", "start", "-f", credit("1.1.0").write(t), "--as", "alice", "--dry-run", "-o", "json")
	require.Zero(t, code, errs)
	out, errs, _ := c.cli("workflow", "execute", "--type", contract.WorkflowRelease, "--task-queue", contract.QueueControl,
		"--workflow-id", contract.ReleaseID(model, "1.1.0"), "--input", input)
	require.Contains(t, out+errs, "has been released before and is in stage production")
}

// A release says which environment of the schema its tables belong to, and the schema which other data they point to.
func (c *cluster) testSchemaOfEnvironments(t *testing.T) {
	purposes := "name\nappliance\nbusiness\neducation\nfurniture\nnew car\nother\nradio/tv\nrepairs\nretraining\n"
	for _, table := range []string{purposes, purposes + "used car\n"} { // purposes@1, purposes@2
		_, errs, code := c.data("add", folderOf(t, map[string][]byte{"purposes.csv": []byte(table)}), "--name", "purposes")
		require.Zero(t, code, errs)
	}
	schema := func(other string) []byte {
		return []byte("environments: [training, serving]\n" +
			strings.Replace(string(example(t, "schema.yaml")), "label: true}", "label: true, environments: [training]}", 1) +
			"checks: [{references: {columns: [purpose], data: " + other + ", to: [name]}}]\n")
	}
	s := credit("1.4.0")
	s.Approvals, s.Environment = 1, "training"
	s.Schema = s.with(t, "schema.yaml", schema("purposes"))
	c.start(s)
	status := c.until(s.Version, "asked for approval", func(r contract.ReleaseStatus) bool { return r.Waiting != "" })
	require.Equal(t, contract.GatePassed, status.Gates[0].State)
	require.Contains(t, c.page("/reports/"+status.Gates[0].Report), "purpose among name of purposes@2, purposes.csv")
	_, errs, code := c.slipway("release", "abort", model+"/"+s.Version, "--as", "alice", "--reason", "done")
	require.Zero(t, code, errs)
	_, code = c.watch(s.Version)
	require.Equal(t, 3, code)

	for version, wrong := range map[string]struct{ environment, other, reason string }{
		"1.4.1": {"training", "purposes@1", "purpose among name of purposes@1, purposes.csv"},
		"1.4.2": {"serving", "purposes@2", "column risk"},
		"1.4.3": {"production", "purposes@2", `there is no environment "production" in the schema: it has training, serving`},
		"1.4.4": {"training", "nothing", `foreign key on purpose: data nothing`},
	} {
		s.Version, s.Environment, s.Schema = version, wrong.environment, s.with(t, "schema.yaml", schema(wrong.other))
		c.start(s)
		status, code := c.watch(version)
		require.Equal(t, 3, code, version)
		require.Equal(t, contract.GateStopped, status.Gates[0].State, version)
		require.Contains(t, status.Reason, wrong.reason, version)
	}
}
