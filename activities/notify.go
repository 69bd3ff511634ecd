package activities

import (
	"context"
	"log/slog"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Notify tells people what they should know.
type Notify struct {
	Log *slog.Logger
}

// Send writes the notice to the daemon's log.
func (n *Notify) Send(ctx context.Context, in contract.NotifyInput) (contract.Empty, error) {
	level := map[string]slog.Level{"warn": slog.LevelWarn, "error": slog.LevelError}[in.Severity]
	n.Log.Log(ctx, level, in.Text, "alert", in.Severity, "model", in.Key.Model, "version", in.Key.Version)
	return contract.Empty{}, nil
}
