package actors

import (
	"bytes"
	"time"
)

const (
	// firstDelay is how long the first push after a quiet time waits for others to coalesce with.
	firstDelay = 100 * time.Millisecond
	// notificationInterval is the least time between two notification pushes of one connection.
	notificationInterval = time.Second
	// keptQueue is for how many frames an empty queue keeps its memory.
	keptQueue = 1
	// outboxLimit bounds the bytes that wait for one client to read. A frame counts as largeFrame at most:
	// four of any size fit.
	outboxLimit, largeFrame = 1 << 20, outboxLimit / 4
)

// outbox decides when a connection's pushes go out, and in what order. It knows no clock and no
// socket: it is given the time, as the time since some fixed moment.
//
// A debounced push waits until its kind is due, and what comes meanwhile coalesces with it. The
// rest, and what is due, queues up as encoded frames until the connection takes them.
//
// It is not safe for concurrent use. When enqueue has no room, the connection must end.
type outbox struct {
	debounced [debounced]*debouncedPush
	sentAt    [debounced]time.Duration // when the kind is free again is counted from here; 0 is never sent
	queue     [][]byte
	size      int // what queue counts, and what was taken of which the socket still owes a part
	inFlight  int
}

// debouncedPush is a push that waits until due.
type debouncedPush struct {
	due   time.Duration
	push  *push
	files *fileIDs // once more than one push with ids is in it
}

// debounce takes a push, and returns when it is due and whether it is the first: others coalesce
// with that. interval is the least time between two of its kind. File ids are kept where withIDs.
func (o *outbox) debounce(p *push, withIDs bool, now, interval time.Duration) (due time.Duration, first bool) {
	if d := o.debounced[p.kind]; d != nil {
		d.coalesce(p)
		return d.due, false
	}
	due = now + firstDelay
	if sent := o.sentAt[p.kind]; sent > 0 {
		due = max(due, sent+interval)
	}
	if p.kind == KindFile && !withIDs {
		p = filePush
	}
	o.debounced[p.kind] = &debouncedPush{due: due, push: p}
	return due, true
}

// coalesce keeps the ids of both pushes, or none as soon as one of them has none.
func (d *debouncedPush) coalesce(p *push) {
	if len(d.push.fileIDs) == 0 {
		return
	}
	if d.files == nil {
		d.files = &fileIDs{}
		d.files.add(d.push.fileIDs...)
	}
	d.files.add(p.fileIDs...)
	if len(p.fileIDs) == 0 || d.files.tooMany {
		d.push, d.files = filePush, nil
	}
}

// result returns the one push that all are.
func (d *debouncedPush) result() *push {
	if d.files != nil {
		return d.files.push()
	}
	return d.push
}

// flush takes out the pushes that are due.
func (o *outbox) flush(now time.Duration) (due []*push) {
	for kind, d := range o.debounced {
		if d != nil && d.due <= now {
			due = append(due, d.result())
			o.debounced[kind], o.sentAt[kind] = nil, now
		}
	}
	return due
}

// enqueue appends a frame, and reports whether there is room for it: if not, the client is too slow.
func (o *outbox) enqueue(frame []byte) bool {
	size := min(len(frame), largeFrame)
	if o.size+size > outboxLimit {
		return false
	}
	o.queue = append(o.queue, frame)
	o.size += size
	return true
}

// take returns all that is queued as one piece, to be written at once; nil where there is nothing.
// Until written is called it counts as waiting.
func (o *outbox) take() []byte {
	var frames []byte
	switch len(o.queue) {
	case 0:
		return nil
	case 1:
		frames = o.queue[0]
	default:
		frames = bytes.Join(o.queue, nil)
	}
	o.inFlight = o.size
	clear(o.queue)
	if o.queue = o.queue[:0]; cap(o.queue) > keptQueue {
		o.queue = nil
	}
	return frames
}

// written says that what was taken has left.
func (o *outbox) written() {
	o.size -= o.inFlight
	o.inFlight = 0
}
