package main

import (
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryDataCommandSpeaksJSON runs each of them with -o json: standard output is one JSON value, and a new
// command has to be added here.
func TestEveryDataCommandSpeaksJSON(t *testing.T) {
	key := func(letter string) string {
		return "base64key://" + base64.URLEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
	}
	l := newLibrary(t, "--encryption-key", key("a"))
	table := filepath.Join(l.write("one", map[string]string{"t.csv": "a,b\n1,x\n2,y\n"}), "t.csv")
	changed := l.write("two", map[string]string{"t.csv": "a,b\n1,x\n3,z\n", "u.csv": "c\n1\n"})
	schema := filepath.Join(l.write("schema", map[string]string{"s.yaml": "columns: [{name: a, type: integer}, {name: b, type: string}]\n"}), "s.yaml")
	spoken := map[string]bool{}
	for _, args := range [][]string{
		{"add", filepath.Dir(table), "--name", "rows"},
		{"add", changed, "--name", "rows"},
		{"list"},
		{"show", "rows@1"},
		{"diff", "rows@1", "rows@2"},
		{"get", "rows@1", "--to", filepath.Join(l.dir, "to")},
		{"verify"},
		{"tag", "rows@1", "first"},
		{"untag", "first"},
		{"lineage", "rows@1"},
		{"hold", "rows@1", "--reason", "asked for"},
		{"unhold", "rows@1", "--reason", "over"},
		{"rm", "rows@2", "--reason", "wrong rows"},
		{"restore", "rows@2", "--reason", "right rows"},
		{"gc", "--dry-run"},
		{"gc"},
		{"reindex"},
		{"validate", table, "--schema", schema},
		{"infer-schema", table},
		{"profile", table},
		{"rotate-key", "--new-key", key("b")},
	} {
		out := l.ok(append(args, "-o", "json")...)
		require.True(t, json.Valid([]byte(out)), "%v\n%s", args, out)
		require.Contains(t, "{[", out[:1], args)
		spoken[args[0]] = true
	}
	for _, group := range newCommand(&app{}).Commands() {
		if group.Name() != "data" {
			continue
		}
		for _, sub := range group.Commands() {
			require.True(t, spoken[sub.Name()], "no output as JSON was seen of %s", sub.CommandPath())
		}
		return
	}
	t.Fatal("there is no command data")
}
