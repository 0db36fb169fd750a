package loadtest

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pauses sleeps to within some 10 µs, where time.Sleep of Go may be a millisecond late. It takes a thread for its own as long
// as f runs.
func pauses(f func(pause func(time.Duration))) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)                    // ns
	defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }() // 0 is the default
	f(func(wait time.Duration) {
		request := unix.NsecToTimespec(int64(max(wait, 0)))
		_ = unix.Nanosleep(&request, nil) // interrupted: whoever paces looks at the clock anyway
	})
}
