package oip

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSettings reads whatever a client may send as the value of each setting. What is
// taken must be a setting that the server would tell.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{`null`, `"OFF"`, `["TIMESTAMPS"]`, `"10"`, `10`, `-1`, `1e3`, `true`, `[]`, `[1]`, `{}`, `""`, `"-1"`, `[["x"]]`, `"4294967296"`} {
		for _, name := range []string{traceLevel, traceRate, traceFile, logInfo, logVerbose, logFormat, "other"} {
			f.Add(name, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		if !json.Valid(value) {
			return // a body is read as JSON first
		}
		values, err := settingValues(value)
		if err != nil {
			require.Nil(t, values)
			return
		}
		in := settings{name: values}
		if change, err := in.traceChange(); err == nil {
			var o TraceOverride
			change(&o)
			require.True(t, o.Off == nil || name == traceLevel)
			require.True(t, o.Rate == nil || name == traceRate)
		}
		if change, err := in.logChange(); err == nil {
			before := LogSettings{Info: true}
			after := before
			change(&after)
			require.True(t, after == before || name == logInfo || name == logWarning || name == logError || name == logVerbose)
		}
	})
}
