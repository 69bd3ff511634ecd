package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// Severities are the kinds of entries that a log takes.
type Severities struct {
	Debug, Info, Warning, Error bool
}

// takes tells whether an entry is among them.
func (s Severities) takes(l slog.Level) bool {
	switch {
	case l >= slog.LevelError:
		return s.Error
	case l >= slog.LevelWarn:
		return s.Warning
	case l >= slog.LevelInfo:
		return s.Info
	}
	return l >= slog.LevelDebug && s.Debug
}

// Levels say which entries a log takes. They can be changed while the log is in use.
type Levels struct {
	mu  sync.Mutex
	now atomic.Pointer[Severities]
}

// NewLevels take what is of a level or above.
func NewLevels(least slog.Level) *Levels {
	l := &Levels{}
	l.now.Store(&Severities{
		Debug: least <= slog.LevelDebug, Info: least <= slog.LevelInfo, Warning: least <= slog.LevelWarn, Error: least <= slog.LevelError,
	})
	return l
}

// Severities are the kinds that are taken now.
func (l *Levels) Severities() Severities { return *l.now.Load() }

// Change replaces what is taken. One change waits for another.
func (l *Levels) Change(by func(*Severities)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := *l.now.Load()
	by(&next)
	l.now.Store(&next)
}

// Handler passes on to next what is taken; next shall take everything.
func (l *Levels) Handler(next slog.Handler) slog.Handler { return levelHandler{next, l} }

type levelHandler struct {
	slog.Handler
	levels *Levels
}

// Enabled implements slog.Handler.
func (h levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.levels.now.Load().takes(level) && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs), h.levels}
}

// WithGroup implements slog.Handler.
func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name), h.levels}
}
