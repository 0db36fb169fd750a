// Package nonblock accepts, reads, writes and closes sockets without waiting, and without telling Go's scheduler.
//
// The calls of packages syscall and net tell it, because some calls block. That wakes its watcher (sysmon), which looks at first every
// 20 µs which call takes longer, and gives the place of one to another thread where goroutines wait for it. A push server makes many short
// calls, and a third of what a push cost was that (docs/performance.md). It pays only where every frequent call is made so.
//
// The price: a call that the kernel takes long over, perhaps because the thread loses its processor, keeps its place in the runtime. It holds up
// the goroutines in the queue of that place until another takes them, and the garbage collector where it has to stop all.
//
// A descriptor has one owner, who must not close it during another call: its number may be another connection's then. Before Close, see to it
// that the socket does not linger.
//
// With the detectors of races and of uninitialised memory, and on 386 and s390x (before Linux 4.3 they had no such calls), the calls are those
// of package syscall, and descriptors must not block (O_NONBLOCK): run the tests without -race, too. Elsewhere than on Linux there are Read, Write
// and Wrap alone, made of package syscall, and on Windows Read reads nothing.
package nonblock
