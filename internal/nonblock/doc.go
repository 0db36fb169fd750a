// Package nonblock reads from and writes to sockets that do not block (O_NONBLOCK), without telling Go's scheduler.
//
// The calls of packages syscall and net tell it, because others may block. Its watcher (sysmon) then looks every 20 µs which of them takes
// longer than that, as a write over TCP does where the other end is on the same machine; it takes the processor away from such a call,
// and starts a thread that finds nothing to do.
package nonblock
