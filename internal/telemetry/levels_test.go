package telemetry_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/telemetry"
)

// A log takes what its levels say at the time, also by loggers that were made before.
func TestLevelsChange(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	levels := telemetry.NewLevels(slog.LevelWarn)
	log := slog.New(levels.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	made := log.With("who", "me").WithGroup("group")
	written := func() string {
		out.Reset()
		for _, l := range []*slog.Logger{log, made} {
			l.Debug("one")
			l.Info("two")
			l.Warn("three")
			l.Error("four")
		}
		kinds := ""
		for _, word := range []string{"one", "two", "three", "four"} {
			switch n := bytes.Count(out.Bytes(), []byte("msg="+word)); n {
			case 2:
				kinds += word + " "
			case 1:
				t.Errorf("the loggers do not agree on %s", word)
			}
		}
		return kinds
	}
	require.Equal(t, telemetry.Severities{Warning: true, Error: true}, levels.Severities())
	require.Equal(t, "three four ", written())
	require.Contains(t, out.String(), "who=me")
	levels.Change(func(s *telemetry.Severities) { s.Debug, s.Warning = true, false })
	require.Equal(t, "one four ", written())
	levels.Change(func(s *telemetry.Severities) { *s = telemetry.Severities{Info: true} })
	require.Equal(t, "two ", written())
	levels.Change(func(s *telemetry.Severities) { *s = telemetry.Severities{} })
	require.Empty(t, written())
}
