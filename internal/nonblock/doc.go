// Package nonblock accepts, reads, writes and closes sockets without waiting, and without telling Go's scheduler.
//
// The calls of packages syscall and net tell it, because some calls block. That wakes its watcher (sysmon), which looks at first every
// 20 µs which call takes longer, and gives the place of one to another thread where goroutines wait for it. A push server makes many short
// calls, and paid for all of that with a third of its time. It pays only where every frequent call is made so: one told call in ten keeps the
// watcher awake.
//
// The price: a call that the kernel takes long over, perhaps because the thread loses its processor, keeps its place in the runtime. It holds up
// the goroutines in the queue of that place until another takes them, and the garbage collector where it has to stop all.
//
// With the detectors of races and of uninitialised memory, on 386 and s390x (before Linux 4.3 they had no such calls), and on other systems
// the calls are those of package syscall, and descriptors must not block (O_NONBLOCK).
package nonblock
