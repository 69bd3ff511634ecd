package oip

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Adjustable is a Backend of which traces and log can be set while it runs.
type Adjustable interface {
	// Traces is how requests are traced; nil: they are not.
	Traces() Traces
	// Log is what the log takes; nil: that can't be set.
	Log() Log
	// Adjusts says why a token may not change either; nil: it may.
	Adjusts(token string) error
}

// Traces are the trace settings of models. An empty name means those of all
// models that have none of their own.
type Traces interface {
	// Settings are those in force.
	Settings(model string) (TraceSettings, error)
	// Change replaces what a model has of its own, or what all models have instead of what the server began with.
	Change(model string, by func(*TraceOverride)) error
}

// TraceSettings say which requests are traced.
type TraceSettings struct {
	Off bool
	// Rate: one request of so many is; 0: only those that their callers trace. These always are.
	Rate uint64
}

// TraceOverride are settings instead of those one level up, which nil leaves as they are.
type TraceOverride struct {
	Off  *bool
	Rate *uint64
}

// Log is what a log takes.
type Log interface {
	Settings() LogSettings
	Change(by func(*LogSettings))
}

// LogSettings are the kinds of entries that a log takes.
type LogSettings struct {
	Info, Warning, Error bool
	Verbose              uint32 // from 1 on also what is for debugging
}

// Names of settings.
const (
	traceLevel     = "trace_level"
	traceRate      = "trace_rate"
	traceCount     = "trace_count"
	logFrequency   = "log_frequency"
	traceFile      = "trace_file"
	traceMode      = "mode"
	logFile        = "log_file"
	logFormat      = "log_format"
	logInfo        = "log_info"
	logWarning     = "log_warning"
	logError       = "log_error"
	logVerbose     = "log_verbose_level"
	levelOff       = "OFF"
	levelTimes     = "TIMESTAMPS"
	modeOTel       = "opentelemetry"
	formatISO      = "ISO8601"
	countNoLimit   = "-1"
	frequencyNever = "0"
)

// fixed are settings that are what they are: spans go to a collector, the log to
// standard error, and the collector is told in the environment.
var fixed = map[string]string{traceCount: countNoLimit, logFrequency: frequencyNever, traceFile: "", traceMode: modeOTel, logFile: "", logFormat: formatISO}

// settings are what a request wants set: values by name, none to take a setting back.
type settings map[string][]string

// refuseFixed takes a setting that can't be set if it asks for what is there.
func refuseFixed(name string, values []string) error {
	if is := fixed[name]; len(values) > 1 || len(values) == 1 && values[0] != is {
		return Errorf(Invalid, "setting %s is %q and can't be set: spans go where the environment (OTEL_EXPORTER_OTLP_ENDPOINT) says, the log to standard error", name, is)
	}
	return nil
}

// traceChange is what settings make of a model's override.
func (in settings) traceChange() (func(*TraceOverride), error) {
	var changes []func(*TraceOverride)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		values := in[name]
		switch name {
		case traceLevel:
			off, err := parseLevel(values)
			if err != nil {
				return nil, err
			}
			changes = append(changes, func(o *TraceOverride) { o.Off = off })
		case traceRate:
			rate, err := parseRate(values)
			if err != nil {
				return nil, err
			}
			changes = append(changes, func(o *TraceOverride) { o.Rate = rate })
		case traceCount, logFrequency, traceFile, traceMode:
			if err := refuseFixed(name, values); err != nil {
				return nil, err
			}
		default:
			return nil, Errorf(Invalid, "trace setting %q is not known: there are %s and %s", clip(name), traceLevel, traceRate)
		}
	}
	return func(o *TraceOverride) {
		for _, change := range changes {
			change(o)
		}
	}, nil
}

// parseLevel reads trace_level; nil takes it back.
func parseLevel(values []string) (*bool, error) {
	if len(values) == 0 {
		return nil, nil
	}
	if off := values[0] == levelOff; len(values) == 1 && (off || values[0] == levelTimes) {
		return &off, nil
	}
	return nil, Errorf(Invalid, "%s is %q: want %s or %s: spans have times and no tensors", traceLevel, clip(strings.Join(values, ",")), levelOff, levelTimes)
}

// parseRate reads trace_rate; nil takes it back.
func parseRate(values []string) (*uint64, error) {
	if len(values) == 0 {
		return nil, nil
	}
	n, err := strconv.ParseUint(values[0], 10, 32)
	if err != nil || len(values) > 1 {
		return nil, Errorf(Invalid, "%s is %q: want a whole number: one request of so many is traced; 0: only those that their callers trace", traceRate, clip(strings.Join(values, ",")))
	}
	return &n, nil
}

// logChange is what settings make of those of the log.
func (in settings) logChange() (func(*LogSettings), error) {
	var changes []func(*LogSettings)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		values := in[name]
		switch name {
		case logInfo, logWarning, logError:
			on, err := strconv.ParseBool(cmp.Or(values...))
			if err != nil || len(values) > 1 {
				return nil, Errorf(Invalid, "log setting %s is %q: want true or false", name, clip(strings.Join(values, ",")))
			}
			changes = append(changes, func(s *LogSettings) { *s.kind(name) = on })
		case logVerbose:
			n, err := strconv.ParseUint(cmp.Or(values...), 10, 32)
			if err != nil || len(values) > 1 {
				return nil, Errorf(Invalid, "log setting %s is %q: want a whole number", name, clip(strings.Join(values, ",")))
			}
			changes = append(changes, func(s *LogSettings) { s.Verbose = uint32(n) }) //nolint:gosec // it was read as 32 bits
		case logFile, logFormat:
			if err := refuseFixed(name, values); err != nil {
				return nil, err
			}
		default:
			return nil, Errorf(Invalid, "log setting %q is not known: there are %s, %s, %s and %s", clip(name), logInfo, logWarning, logError, logVerbose)
		}
	}
	return func(s *LogSettings) {
		for _, change := range changes {
			change(s)
		}
	}, nil
}

// kind is the switch of that name.
func (l *LogSettings) kind(name string) *bool {
	switch name {
	case logInfo:
		return &l.Info
	case logWarning:
		return &l.Warning
	}
	return &l.Error
}

// level and rate are the settings in the protocol's words.
func (t TraceSettings) level() string {
	if t.Off {
		return levelOff
	}
	return levelTimes
}

func (t TraceSettings) rate() string { return strconv.FormatUint(t.Rate, 10) }
