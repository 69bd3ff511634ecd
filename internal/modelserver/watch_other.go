//go:build !linux

package modelserver

import "syscall"

// readiness is known on Linux only.
func readiness(syscall.Conn) func() (bool, error) { return nil }
