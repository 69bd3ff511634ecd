package sandbox

import (
	"errors"
	"fmt"
	"os"
)

// PeakMemory is the most that the process with this id has held in its life, in bytes; an error if there is none.
func PeakMemory(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("measure memory: %w", err)
	}
	m := &Memory{f}
	_, peak, err := m.Resident()
	return peak, errors.Join(err, m.Close())
}
