package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/control"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// library is a catalog and a store of a test's own, used through the program.
type library struct {
	t          *testing.T
	state, dir string
	more       []string // flags of every command
}

func newLibrary(t *testing.T, more ...string) *library {
	t.Helper()
	t.Parallel()
	return &library{t: t, state: filepath.Join(t.TempDir(), "state"), dir: t.TempDir(), more: more}
}

// run runs a data command.
func (l *library) run(args ...string) (stdout, stderr string, code int) {
	l.t.Helper()
	return cli(l.t, l.command(args...)...)
}

// command is the whole of a data command.
func (l *library) command(args ...string) []string {
	all := append([]string{"data"}, args...)
	all = append(all, "--state", l.state, "--cache", filepath.Join(l.dir, "cache"), "--as", "ann")
	return append(all, l.more...)
}

// ok runs a data command that must succeed.
func (l *library) ok(args ...string) string {
	l.t.Helper()
	out, errs, code := l.run(args...)
	require.Zero(l.t, code, "%v\n%s%s", args, out, errs)
	return out
}

// read is ok with JSON output.
func (l *library) read(into any, args ...string) {
	l.t.Helper()
	require.NoError(l.t, json.Unmarshal([]byte(l.ok(append(args, "-o", "json")...)), into))
}

// fails runs a data command that must fail so.
func (l *library) fails(code int, says string, args ...string) {
	l.t.Helper()
	out, errs, got := l.run(args...)
	require.Equal(l.t, code, got, "%v\n%s%s", args, out, errs)
	require.Contains(l.t, out+errs, says, args)
}

// write makes files below a folder of the test and returns it.
func (l *library) write(folder string, files map[string]string) string {
	l.t.Helper()
	dir := filepath.Join(l.dir, folder)
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(l.t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(l.t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

// content reads all files below a folder.
func (l *library) content(dir string) map[string]string {
	l.t.Helper()
	out := map[string]string{}
	require.NoError(l.t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(b)
		return err
	}))
	return out
}

// open opens the library beside the program.
func (l *library) open() *dataversion.Library {
	l.t.Helper()
	lib, err := dataversion.Open(l.t.Context(), dataversion.Config{Catalog: filepath.Join(l.state, "slipway.db"), Artifacts: filepath.Join(l.state, "artifacts")})
	require.NoError(l.t, err)
	l.t.Cleanup(func() { require.NoError(l.t, lib.Close()) })
	return lib
}

func TestDataAddAndGet(t *testing.T) {
	l := newLibrary(t)
	l.fails(codeError, "no catalog", "verify")
	files := map[string]string{"train.csv": "a,b,c\n1,x,\n2,\"y,z\",q\n", "sub/readme.md": "hello\n", "sub/deep/empty": ""}
	dir := l.write("in", files)
	var added dataversion.Added
	l.read(&added, "add", dir, "--name", "credit", "--description", "loans")
	require.False(t, added.Existed)
	require.Equal(t, "credit@1", added.Version.Label())
	require.EqualValues(t, 3, added.Version.FileCount)
	require.Equal(t, "ann", added.Version.Actor)
	require.Positive(t, added.Stored)

	var again dataversion.Added
	l.read(&again, "add", l.write("copy", files), "--name", "another")
	require.True(t, again.Existed, "equal data under another name is the first version")
	require.Equal(t, "credit@1", again.Version.Label())
	require.Zero(t, again.Stored)
	require.Contains(t, l.ok("add", dir, "--name", "credit"), "credit@1 has this content already")

	files["sub/new.txt"], files["train.csv"] = "new", "a,b,c\n3,x,y\n"
	delete(files, "sub/deep/empty")
	changed := l.write("in2", files)
	require.Contains(t, l.ok("add", changed, "--name", "credit"), "added credit@2: 3 files")

	out := l.ok("diff", "credit@1", "credit")
	require.Equal(t, "- sub/deep/empty  0 B\n+ sub/new.txt  3 B\n~ train.csv  21 B → 12 B\n1 file added, 1 removed, 1 changed\n", out)
	var d difference
	l.read(&d, "diff", "credit@1", "credit@1")
	require.Empty(t, d.Changes)

	to := filepath.Join(l.dir, "out")
	require.Contains(t, l.ok("get", "credit", "--to", to), "3 files of credit@2")
	require.Equal(t, files, l.content(to))
	part := filepath.Join(l.dir, "part")
	l.ok("get", "credit@1", "--path", "sub/deep", "--path", "train.csv", "--to", part)
	require.Equal(t, map[string]string{"train.csv": "a,b,c\n1,x,\n2,\"y,z\",q\n", "sub/deep/empty": ""}, l.content(part))
	l.fails(codeError, "none", "get", "credit", "--path", "none", "--to", part)
	l.fails(codeUsage, "--to is missing", "get", "credit")
	l.fails(codeError, `there is no data "nothing"`, "get", "nothing", "--to", part)

	shown := controlclient.Data{}
	l.read(&shown, "show", added.Version.Digest[7:15])
	require.Equal(t, "credit", shown.Name)
	require.Len(t, shown.Files, 3)
	out = l.ok("show", "credit@1", "--files", "1")
	require.Contains(t, out, "sub/deep/empty")
	require.Contains(t, out, "… and 2 files more")
	out = l.ok("list")
	require.Contains(t, out, "credit@2")
	require.Contains(t, out, "3 files")

	l.fails(codeUsage, "--name is missing", "add", dir)
	l.fails(codeError, "'/' or an '@'", "add", dir, "--name", "a/b")
	l.fails(codeError, "no such file", "add", filepath.Join(dir, "nothing"), "--name", "x")
	l.fails(codeUsage, "no store", "list", "--catalog", filepath.Join(l.dir, "x.db"))
	l.fails(codeUsage, "no catalog", "list", "--artifacts", l.dir)
}

func TestDataColumns(t *testing.T) {
	l := newLibrary(t)
	dir := l.write("in", map[string]string{"t.csv": "a,b,c\n1,x,\n2,\"y,z\",q\n", "sub/t.tsv": "a\tc\n1\t2\n", "notes.txt": "no table"})
	l.ok("add", dir, "--name", "d")
	to := filepath.Join(l.dir, "out")
	l.ok("get", "d", "--path", "t.csv", "--path", "sub", "--columns", "c,a", "--to", to)
	require.Equal(t, map[string]string{"t.csv": "c,a\n,1\nq,2\n", "sub/t.tsv": "c\ta\n2\t1\n"}, l.content(to))
	l.fails(codeError, `no column "z"; there are a, b, c`, "get", "d", "--path", "t.csv", "--columns", "z", "--to", to)
	l.fails(codeError, "notes.txt", "get", "d", "--columns", "a", "--to", to)
	require.Len(t, l.content(to), 2, "nothing is left of what failed")

	schema := filepath.Join(l.write("s", map[string]string{
		"schema.yaml": "columns:\n  - {name: a, type: integer, personal: true, mask: token}\n  - {name: b, type: string, personal: true, mask: drop}\n  - {name: c, type: string, nullable: true}\n",
		"key":         strings.Repeat("k", 32),
	}), "schema.yaml")
	masked := filepath.Join(l.dir, "masked")
	l.ok("get", "d", "--path", "t.csv", "--schema", schema, "--mask-key", filepath.Join(l.dir, "s/key"), "--to", masked)
	out := l.content(masked)["t.csv"]
	require.Regexp(t, `^a,c\n[a-z2-7]{26},\n[a-z2-7]{26},q\n$`, out)
	l.fails(codeUsage, "go together", "get", "d", "--schema", schema, "--to", masked)
}

func TestDataColumnsOfParquet(t *testing.T) {
	l := newLibrary(t)
	parquetFile(t, filepath.Join(l.dir, "t.parquet"))
	l.ok("add", filepath.Join(l.dir, "t.parquet"), "--name", "p")
	to := filepath.Join(l.dir, "out")
	l.ok("get", "p", "--columns", "name,id", "--to", to)
	out := l.ok("profile", filepath.Join(to, "t.parquet"))
	require.Regexp(t, `(?s)t.parquet: 3 rows.*name .*id +integer`, out)
	require.NotContains(t, out, "score")
	var kept, whole struct{ Rows int }
	l.read(&kept, "profile", filepath.Join(to, "t.parquet"))
	l.read(&whole, "profile", "p")
	require.Equal(t, whole, kept)
}

func TestDataDeletion(t *testing.T) {
	l := newLibrary(t)
	l.ok("add", l.write("one", map[string]string{"a.csv": "a\n1\n", "b": strings.Repeat("only in one ", 1000)}), "--name", "d")
	l.ok("add", l.write("two", map[string]string{"a.csv": "a\n1\n"}), "--name", "d")
	require.Contains(t, l.ok("tag", "d@1", "golden"), "golden is d@1")
	l.fails(codeError, "tagged golden", "rm", "d@1")
	require.Contains(t, l.ok("show", "golden"), "d@1")
	require.Contains(t, l.ok("tag", "d@2", "golden"), "golden is d@2")
	l.ok("untag", "golden", "--reason", "done")
	l.fails(codeError, "golden", "show", "golden")

	l.fails(codeUsage, "--reason is missing", "hold", "d@1")
	require.Contains(t, l.ok("hold", "d@1", "--reason", "case 17"), "held")
	l.fails(codeError, "case 17", "rm", "d@1")
	l.ok("unhold", "d@1", "--reason", "closed")

	require.Contains(t, l.ok("rm", "d@1"), "kept until")
	require.NotContains(t, l.ok("list"), "d@1")
	require.Contains(t, l.ok("list", "--deleted"), "d@1")
	require.Contains(t, l.ok("gc", "--grace", "0"), "freed 0 B", "retention")
	l.ok("restore", "d@1")
	l.ok("rm", "d@1", "--keep", "0")

	var would, did struct {
		dataversion.Collected
		DryRun bool `json:"dry_run"`
	}
	l.read(&would, "gc", "--dry-run", "--grace", "0")
	require.True(t, would.DryRun)
	require.Equal(t, []string{"d@1"}, would.Versions)
	require.Positive(t, would.Blobs)
	l.ok("restore", "d@1")
	l.ok("rm", "d@1", "--keep", "0")
	l.read(&did, "gc", "--grace", "0")
	require.Equal(t, would.Versions, did.Versions)
	require.Equal(t, would.Blobs, did.Blobs)
	require.Positive(t, did.Freed)
	l.fails(codeError, "add the data again", "restore", "d@1")
	l.fails(codeError, "add the data again", "get", "d@1", "--to", filepath.Join(l.dir, "x"))
	require.Contains(t, l.ok("show", "d@1"), "gone since")
	require.Contains(t, l.ok("get", "d@2", "--to", filepath.Join(l.dir, "y")), "1 file")
	l.fails(codeUsage, "want 0 or more", "gc", "--grace", "-1s")

	require.Contains(t, l.ok("add", filepath.Join(l.dir, "one"), "--name", "d"), "d@1 has this content already")
	l.ok("get", "d@1", "--to", filepath.Join(l.dir, "x"))
	require.Len(t, l.content(filepath.Join(l.dir, "x")), 2)
}

func TestDataLineage(t *testing.T) {
	l := newLibrary(t)
	var added dataversion.Added
	l.read(&added, "add", l.write("in", map[string]string{"a.csv": "a\n1\n"}), "--name", "d")
	c := l.open().Catalog()
	ctx, digest := t.Context(), added.Version.Digest
	m := func(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "bob"} }
	_, err := c.BeginRelease(ctx, catalog.Release{Model: "m", Version: "1.0.0", Run: "r1"}, m("begin"))
	require.NoError(t, err)
	model, _, err := c.RegisterModel(ctx, catalog.Model{Name: "m", Version: "1.0.0", Digest: "sha256:aa", DataDigest: digest}, nil, m("register"))
	require.NoError(t, err)
	require.NoError(t, c.LinkData(ctx, digest, model.ID, "release/m/1.0.0@r1"))
	l.fails(codeError, "release of m/1.0.0, which is under way", "rm", "d")
	require.NoError(t, c.FinishRelease(ctx, "m", "1.0.0", "r1", "failed", "", m("end")))

	out := l.ok("lineage", "d")
	require.Regexp(t, `m/1.0.0 +staging +m/1.0.0 +failed`, out)
	var lineage struct{ Uses []dataversion.Use }
	l.read(&lineage, "lineage", "d@1")
	require.Len(t, lineage.Uses, 1)
	require.Equal(t, "r1", lineage.Uses[0].Run)

	l.ok("rm", "d", "--keep", "0")
	require.Contains(t, l.ok("gc", "--grace", "0"), "freed 0 B", "what a staged model was made from stays")
	l.ok("get", "d@1", "--to", filepath.Join(l.dir, "out"))
}

func TestDataVerify(t *testing.T) {
	l := newLibrary(t)
	dir := l.write("in", map[string]string{"good.txt": "good", "bad.bin": noise(64 << 10)})
	l.ok("add", dir, "--name", "d")
	require.Contains(t, l.ok("verify"), "1 version, 2 files")
	require.Contains(t, l.ok("verify", "d@1"), "1 version")

	flipBits(t, filepath.Join(l.state, "artifacts"))
	for _, args := range [][]string{{"verify"}, {"verify", "d"}} {
		out, errs, code := l.run(args...)
		require.Equal(t, codeError, code, out+errs)
		require.Contains(t, out, "d@1: bad.bin: ")
		require.Contains(t, errs, "--forget")
	}
	var found verification
	out, _, code := l.run("verify", "-o", "json")
	require.Equal(t, codeError, code)
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	require.NotEmpty(t, found.Damage)
	require.Equal(t, "bad.bin", found.Damage[0].Path)
	l.ok("get", "d", "--path", "good.txt", "--to", filepath.Join(l.dir, "part"))
	l.fails(codeError, "damaged", "get", "d", "--to", filepath.Join(l.dir, "out"))

	l.fails(codeError, "taken off the record", "verify", "--forget")
	l.ok("add", dir, "--name", "d")
	l.ok("get", "d", "--to", filepath.Join(l.dir, "out"))
	require.Len(t, l.content(filepath.Join(l.dir, "out")), 2)
}

func TestDataEncryption(t *testing.T) {
	const key = "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="
	l := newLibrary(t, "--encryption-key", key)
	secret := strings.Repeat("a secret that must not be found ", 40)
	l.ok("add", l.write("in", map[string]string{"s.txt": secret}), "--name", "d")
	for path, stored := range l.content(filepath.Join(l.state, "artifacts")) {
		require.NotContains(t, stored, "must not be found", path)
	}
	l.ok("get", "d", "--to", filepath.Join(l.dir, "out"))
	require.Equal(t, secret, l.content(filepath.Join(l.dir, "out"))["s.txt"])

	l.more = nil
	_, errs, code := l.run("get", "d", "--to", filepath.Join(l.dir, "out2"))
	require.Equal(t, codeError, code, "without the key")
	require.NotContains(t, errs, "smGbjm71")

	const next = "base64key://AGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4Q="
	l.fails(codeUsage, "--new-key is missing", "rotate-key")
	l.ok("rotate-key", "--encryption-key", key, "--new-key", next)
	l.ok("get", "d", "--to", filepath.Join(l.dir, "out3"), "--encryption-key", next)
	require.Equal(t, secret, l.content(filepath.Join(l.dir, "out3"))["s.txt"])
	l.fails(codeError, "", "get", "d", "--to", filepath.Join(l.dir, "out4"), "--encryption-key", key)
	for _, bad := range []string{"base64key://c2hvcnQ=", "base64key://", "vault://x", "x"} {
		_, errs, code := l.run("list", "--encryption-key", bad)
		require.Equal(t, codeError, code, bad)
		require.Contains(t, errs, "encryption key can't be opened", bad)
		require.NotContains(t, errs, "c2hvcnQ")
	}
}

// A copy of a store is taken over by another catalog, but for what is damaged in it.
func TestDataReindex(t *testing.T) {
	l := newLibrary(t)
	dir := l.write("in", map[string]string{"a.csv": "a\n1\n", "b.bin": noise(50_000)})
	l.ok("add", dir, "--name", "d")
	other := &library{t: t, state: filepath.Join(t.TempDir(), "state"), dir: l.dir}
	other.ok("add", l.write("other", map[string]string{"c": "other"}), "--name", "other")
	require.NoError(t, os.CopyFS(filepath.Join(other.state, "artifacts", "packs"), os.DirFS(filepath.Join(l.state, "artifacts", "packs"))))
	require.Regexp(t, `^5 parts on record, in 2 packs\n$`, other.ok("reindex"))
	var added dataversion.Added
	other.read(&added, "add", dir, "--name", "d")
	require.False(t, added.Existed)
	require.Zero(t, added.Stored, "all of it was there")
	require.Contains(t, other.ok("get", "d", "--to", filepath.Join(l.dir, "out")), "2 files")
	require.Equal(t, l.content(dir), l.content(filepath.Join(l.dir, "out")))

	packs, err := filepath.Glob(filepath.Join(other.state, "artifacts", "packs", "*", "*"))
	require.NoError(t, err)
	require.Len(t, packs, 2)
	require.NoError(t, os.Chmod(packs[0], 0o600))
	require.NoError(t, os.Truncate(packs[0], 100))
	other.fails(codeError, "1 pack damaged", "reindex")
	var found artifacts.Reindexed
	out, _, code := other.run("reindex", "-o", "json")
	require.Equal(t, codeError, code)
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	require.Len(t, found.Damaged, 1)
	require.EqualValues(t, 1, found.Packs)
}

// A control API answers where there is no catalog, and where it is named.
func TestDataThroughTheControlAPI(t *testing.T) {
	l := newLibrary(t)
	dir := l.write("in", map[string]string{"a.csv": "a\n1\n"})
	l.ok("add", dir, "--name", "d")
	l.ok("tag", "d", "golden")
	lib := l.open()
	api, err := control.New(control.Config{Catalog: lib.Catalog(), Store: lib.Store(), Data: lib})
	require.NoError(t, err)
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)

	far := &library{t: t, state: filepath.Join(l.dir, "far"), dir: l.dir, more: []string{"--control", server.URL}}
	require.Contains(t, far.ok("list"), "golden")
	out := far.ok("show", "golden")
	require.Contains(t, out, "d@1")
	require.Contains(t, out, "and 1 file more")
	far.fails(codeUsage, "needs the catalog", "list", "--deleted")
	far.fails(codeError, "no catalog", "rm", "d")
	require.NoDirExists(t, far.state)
	l.more = far.more
	require.Contains(t, l.ok("show", "d"), "and 1 file more", "the control API was named")
	l.more = append(l.more, "--catalog", filepath.Join(l.state, "slipway.db"), "--artifacts", filepath.Join(l.state, "artifacts"))
	require.Contains(t, l.ok("show", "d"), "a.csv", "catalog and store were named")
}
