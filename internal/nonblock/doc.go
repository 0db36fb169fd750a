// Package nonblock reads from and writes to sockets without waiting, and without telling Go's scheduler.
//
// The calls of packages syscall and net tell it, because some calls block. That wakes its watcher (sysmon), which looks at first every
// 20 µs which call takes longer, and gives the place of one to another thread where goroutines wait for it. A push server makes many short
// calls, and paid for all of that with a third of its time.
//
// The price: what the kernel takes long over, because it takes the processor away from the thread, holds up the goroutines in the queue of
// that thread until another takes them. With the race detector, and where Linux has no direct calls for sockets, those of package syscall are made.
package nonblock
