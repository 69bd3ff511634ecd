package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Stack holds the addresses of one running Slipway. HTTP addresses are URLs,
// gRPC addresses host:port; what does not run is empty.
type Stack struct {
	GatewayHTTP string `json:"gateway_http"`
	GatewayGRPC string `json:"gateway_grpc"`
	Control     string `json:"control"`
	Temporal    string `json:"temporal"`
	UI          string `json:"ui"`
	PID         int    `json:"pid"`
}

// fileName is the stack's file in the state folder.
const fileName = "stack.json"

// DefaultState is the state folder when neither flag nor environment names one.
const DefaultState = ".slipway"

// ErrNotRunning means that the state folder holds no stack.
var ErrNotRunning = errors.New("no running stack")

// Write records the stack in the state folder, atomically.
func (s Stack) Write(state string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode stack: %w", err)
	}
	path := filepath.Join(state, fileName)
	if err := os.WriteFile(path+".tmp", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write stack: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("write stack: %w", err)
	}
	return nil
}

// Read finds the stack of a state folder; ErrNotRunning when there is none.
func Read(state string) (Stack, error) {
	b, err := os.ReadFile(filepath.Join(state, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return Stack{}, fmt.Errorf("%w in %s: start one with `slipwayd dev --state %s`, or name the addresses by flags or environment", ErrNotRunning, state, state)
	}
	if err != nil {
		return Stack{}, fmt.Errorf("read stack: %w", err)
	}
	var s Stack
	if err := json.Unmarshal(b, &s); err != nil {
		return Stack{}, fmt.Errorf("stack file of %s is damaged (delete it and start again): %w", state, err)
	}
	return s, nil
}
