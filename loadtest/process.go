package loadtest

import "time"

// usage is what a process uses.
type usage struct {
	// Resident is its memory, in bytes.
	Resident int64
	// CPU is the time that it has computed, in user and kernel mode.
	CPU time.Duration
}
