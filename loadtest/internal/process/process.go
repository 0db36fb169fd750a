// Package process starts, measures and ends the processes of a load test.
package process

import (
	"errors"
	"time"
)

// ErrPlatform is what everything here returns on other systems than Linux.
var ErrPlatform = errors.New("a load test runs on Linux only")

// Usage is what a process uses.
type Usage struct {
	// Resident is its memory, in bytes.
	Resident int64
	// CPU is its time in user and kernel mode, with all threads.
	CPU time.Duration
}
