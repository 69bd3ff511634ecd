package modeltest

// Process is what the tests ran in.
type Process struct {
	// Isolated tells that it was a child process with limits.
	Isolated bool `json:"isolated"`
	// Barriers lists what held the child, as the kernel offered it.
	Barriers []string `json:"barriers,omitempty"`
	// PeakMemoryMB is the most resident memory in megabytes, test rows and ONNX Runtime included.
	PeakMemoryMB float64 `json:"peak_memory_mb"`
	// CPUSeconds is the processor time over all cores; 0 where it was not measured.
	CPUSeconds float64 `json:"cpu_seconds,omitempty"`
}

// measureProcess notes the memory that the process needed.
func (s *suite) measureProcess() error {
	_, peak, err := s.memory.Resident()
	if err != nil {
		return err
	}
	s.report.Process = &Process{PeakMemoryMB: float64(peak) / megabyte}
	s.report.measure("memory_peak_mb", float64(peak)/megabyte)
	return nil
}
