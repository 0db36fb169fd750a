package clock

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Precisely gives f a function that sleeps to within some 10 µs, where time.Sleep may be a millisecond late. It takes a thread
// for its own as long as f runs.
func Precisely(f func(sleep func(time.Duration))) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)                    // ns
	defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }() // 0 is the default
	f(func(d time.Duration) {
		request := unix.NsecToTimespec(int64(max(d, 0)))
		_ = unix.Nanosleep(&request, nil) // interrupted: the caller looks at the clock anyway
	})
}
