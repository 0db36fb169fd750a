package loadtest

import "time"

// Process is what a process uses.
type Process struct {
	// Resident is its memory, in bytes.
	Resident int64
	// CPU is the time that it has computed, in user and kernel mode.
	CPU time.Duration
}
