package serving

import "time"

// Process is how the process of a model is that has one of its own.
type Process struct {
	// PID is its id; 0 while it does not run.
	PID int `json:"pid"`
	// Since is when it started, or ended.
	Since time.Time `json:"since"`
	// Restarts is how often it was started again after it had ended by itself.
	Restarts uint64 `json:"restarts"`
	// Resident is the memory that it holds, in bytes; 0: not known.
	Resident int64 `json:"resident_bytes"`
	// Barriers lists what holds it.
	Barriers []string `json:"barriers,omitempty"`
	// Down is why it does not run. Empty: it runs.
	Down string `json:"down,omitempty"`
	// Members are the processes of a composed model, of which the rest tells the sums; PID and Barriers are those of the first.
	Members []MemberProcess `json:"members,omitempty"`
}

// MemberProcess is the process of a model that a composed model runs.
type MemberProcess struct {
	Name string `json:"name"` // NAME/VERSION, or the file that it came from
	Process
}

// Supervised is a Session or Model that may run in a process of its own, which is
// started again when it ends.
type Supervised interface {
	// Process tells how the process is; false if there is none.
	Process() (Process, bool)
}
