package catalog

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                "",
		" null ":                          "null",
		`{"b":1,"a":{"d":[1, 2],"c":""}}`: `{"a":{"c":"","d":[1,2]},"b":1}`,
		`1.50`:                            `1.50`,
		`12345678901234567890123`:         `12345678901234567890123`,
		`"<\u003c\u00e9&>"`:               `"<<é&>"`,
		`"\u0000"`:                        `"\u0000"`,
	} {
		got, err := canonical(json.RawMessage(in))
		require.NoError(t, err, in)
		require.Equal(t, want, string(got), in)
	}
	for _, in := range []string{"{", "1 2", "{} []", "nul"} {
		_, err := canonical(json.RawMessage(in))
		require.ErrorIs(t, err, ErrInvalid, in)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":[1,2.0,"\u2028"],"a":null}`, `"\ud800"`, `1e400`, `{"a":1,"a":2}`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		once, err := canonical(raw)
		if err != nil {
			return
		}
		require.True(t, utf8.Valid(once))
		require.Equal(t, clean(string(once)), string(once), "stored as it is")
		twice, err := canonical(once.raw())
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

func FuzzParseDSN(f *testing.F) {
	for _, seed := range []string{"postgres://u:p@h/d", "sqlite:///a.db", "/a.db", ":memory:", "x://", "sqlite://%zz", "://"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		got, err := parseDSN(dsn)
		if err == nil {
			require.NotNil(t, got.dialect)
			require.NotEmpty(t, got.source)
			require.NotEmpty(t, got.label)
		}
	})
}

func TestStamp(t *testing.T) {
	t.Parallel()
	for _, when := range []time.Time{{}, time.UnixMicro(0).UTC(), time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)} {
		value, err := stamp(when).Value()
		require.NoError(t, err)
		var back stamp
		require.NoError(t, back.Scan(value))
		require.Equal(t, when, back.time())
	}
	require.Error(t, new(stamp).Scan("yesterday"))
}

// TestHashFormat holds the hash that docs/formats.md describes: logs written
// today must verify for ever.
func TestHashFormat(t *testing.T) {
	t.Parallel()
	hash, err := EventHash(Event{ID: 2, Key: "k", At: time.UnixMicro(1700000000000001), Actor: "ann", Action: "gate.passed", Subject: "release/m/1",
		Reason: "<ok>", Detail: json.RawMessage(`{"b":1,"a":"é"}`), PrevHash: "sha256:00"})
	require.NoError(t, err)
	// printf '%s' '{"action":"gate.passed","actor":"ann","at":1700000000000001,"detail":{"a":"é","b":1},"id":2,"key":"k","prev_hash":"sha256:00","reason":"<ok>","subject":"release/m/1"}' | sha256sum
	require.Equal(t, "sha256:ab97189d36eb7d27fc1257fffcd0209bd79ca70200e30a8eb40a3c9c6988c582", hash)
}
