package contract

import (
	"time"

	"github.com/slipway-ml/slipway/internal/spec"
)

// MonitorInput is the input of each scheduled Monitor run.
type MonitorInput struct {
	Model   string       `json:"model"`
	Version string       `json:"version"`
	Digest  string       `json:"digest"`
	Monitor spec.Monitor `json:"monitor"`
	Data    spec.Data    `json:"data"`
}

// CheckWindowInput asks for one window, ending at End (the schedule's nominal time, so a rerun sees the same).
type CheckWindowInput struct {
	MonitorInput
	End time.Time `json:"end"`
}

// MonitorStatus is the result of one window.
type MonitorStatus struct {
	Model   string    `json:"model"`
	Version string    `json:"version"`
	End     time.Time `json:"end"`
	Samples int       `json:"samples"`
	// State is "ok", "drift" or "too_few_samples".
	State   string   `json:"state"`
	Drifted []string `json:"drifted,omitempty"`
	Summary string   `json:"summary"`
	Report  Report   `json:"report"`
}

// Monitor states.
const (
	MonitorOK     = "ok"
	MonitorDrift  = "drift"
	MonitorTooFew = "too_few_samples"
)
