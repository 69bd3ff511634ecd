package governance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
)

func TestDecodeDecision(t *testing.T) {
	t.Parallel()
	d := signedBy(keyOf("ann"), decision("1", "ann", "approve"))
	raw, err := json.Marshal(d)
	require.NoError(t, err)
	got, err := governance.DecodeDecision(raw)
	require.NoError(t, err)
	require.Equal(t, governance.DecisionBytes(d), governance.DecisionBytes(got))
	require.Equal(t, d.Signature, got.Signature)
	require.True(t, d.IssuedAt.Equal(got.IssuedAt))

	got, err = governance.DecodeDecision([]byte(`{"decision_id":"1","approver":"bob","decision":"approve"}`))
	require.NoError(t, err, "who writes by hand may leave out the rest")
	require.Equal(t, contract.Decision{ID: "1", Approver: "bob", Decision: "approve"}, got)
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ raw, want string }{
		{``, "want a JSON object"},
		{`null`, "want a JSON object"},
		{`"pause"`, "want a JSON object"},
		{`[{"id":"1","by":"x"}]`, "want a JSON object"},
		{`{`, "does not end"},
		{`{"id":"1","by":"x"`, "does not end"},
		{`{"id":"1","by":"x"} {}`, "something follows"},
		{`{"id":"1","by":"x",}`, "not valid JSON"},
		{`{id:"1"}`, "not valid JSON"},
		{`{"by":"x"}`, "id is missing"},
		{`{"id":" ","by":"x"}`, "id is missing"},
		{`{"id":"1"}`, "by is missing"},
		{`{"id":1,"by":"x"}`, "id must be a string"},
		{`{"id":"1","by":null}`, "by must be a string"},
		{`{"id":"1","by":{"name":"x"}}`, "by must be a string"},
		{`{"id":"1","by":["x"]}`, "by must be a string"},
		{`{"id":"1","by":"x","by":"y"}`, "by is given twice"},
		{`{"id":"1","By":"x"}`, `unknown field "By"; want id, release_id, by, reason, issued_at, signature`},
		{`{"id":"1","by":"x","force":"yes"}`, `unknown field "force"`},
		{`{"id":"1","by":"x\u001b[2J"}`, "by is \"x\\x1b[2J\"; want up to 256 bytes without control characters"},
		{`{"id":"1","by":"` + strings.Repeat("x", 257) + `"}`, "want up to 256 bytes"},
		{`{"id":"1","by":"x","reason":"\u0007"}`, "want up to 4096 bytes without control characters"},
		{`{"id":"1","by":"x","reason":"` + strings.Repeat("é", 3000) + `"}`, "want up to 4096 bytes"},
		{`{"id":"1","by":"x","issued_at":"yesterday"}`, `issued_at is "yesterday"; want a time such as`},
		{`{"id":"1","by":"x","issued_at":"9999-12-31T23:59:59-23:59"}`, "issued_at is"},
		{`{"id":"1","by":"x","issued_at":"0000-01-01T00:00:00Z"}`, "issued_at is"},
		{"{\"id\":\"1\",\"by\":\"\xff\"}", "not UTF-8"},
		{`{"id":"1","by":"x"}` + strings.Repeat(" ", governance.MaxMessage), "bytes are too many; want up to 65536"},
		{strings.Repeat(`{"id":`, 9000), "id must be a string"},
	} {
		_, err := governance.DecodeControl([]byte(tc.raw))
		require.ErrorContains(t, err, "read control signal: ", tc.raw)
		require.ErrorContains(t, err, tc.want)
	}
	for _, raw := range []string{`{}`, `{"decision_id":"1","approver":"x"}`, `{"decision_id":"1","decision":"approve"}`, `{"approver":"x","decision":"approve"}`, `{"id":"1","by":"x"}`} {
		_, err := governance.DecodeDecision([]byte(raw))
		require.ErrorContains(t, err, "read decision: ", raw)
	}
	c, err := governance.DecodeControl([]byte(`{"id":"1","by":"x","release_id":"m/1","reason":"two\nlines","issued_at":"2026-01-31T13:00:00+01:00"}`))
	require.NoError(t, err)
	require.Equal(t, contract.Control{ID: "1", By: "x", Release: "m/1", Reason: "two\nlines", IssuedAt: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}, c)
}

// What is accepted can be written into a history and read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"decision_id":"1","approver":"x","decision":"approve","issued_at":"2026-01-31T13:00:00+01:00","reason":"\ud800"}`))
	f.Add([]byte(`{"id":"1","by":"x","issued_at":"9999-12-31T23:59:59.999999999-23:59"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := governance.DecodeDecision(raw); err == nil {
			b, err := json.Marshal(d)
			require.NoError(t, err)
			if again, err := governance.DecodeDecision(b); len(b) <= governance.MaxMessage {
				require.NoError(t, err)
				require.Equal(t, d, again)
			}
		}
		if c, err := governance.DecodeControl(raw); err == nil {
			b, err := json.Marshal(c)
			require.NoError(t, err)
			if again, err := governance.DecodeControl(b); len(b) <= governance.MaxMessage {
				require.NoError(t, err)
				require.Equal(t, c, again)
			}
		}
	})
}
