package actors

import (
	"bytes"
	"errors"
	"slices"
	"time"
)

const (
	// settleTime is how long the first push after a quiet spell waits for others to merge with.
	settleTime = 100 * time.Millisecond
	// notificationInterval is the least time between two notification pushes of one connection.
	notificationInterval = time.Second
	// maxHeldIDs bounds the file ids that a held push unites, for it is a stranger's patience that
	// decides how many there are. A push of more goes out without ids; clients then look everywhere.
	maxHeldIDs = 1024
	// keptQueue is for how many frames an empty queue keeps its memory.
	keptQueue = 1
	// outboxLimit bounds the bytes that wait for one client to read.
	outboxLimit = 1 << 20
)

var errOutboxFull = errors.New("the client doesn't read what it is sent")

// outbox decides when a connection's pushes go out, and in what order. It knows no clock and no
// socket: it is told the time, as the time since some fixed moment.
//
// A debounced push is held until its kind is due, and what comes meanwhile merges into it. The
// rest, and what is due, queues up as encoded frames until the connection takes them.
type outbox struct {
	held     [debounced]*heldPush
	sentAt   [debounced]time.Duration // when the kind is free again is counted from here; 0 is never sent
	queue    [][]byte
	size     int // bytes in queue, and those taken of which the socket still owes a part
	inFlight int
}

// heldPush is a push of a debounced kind that waits until due.
type heldPush struct {
	due     time.Duration
	push    *Push
	fileIDs []uint64 // own copy, once more than one push is in it
}

// hold takes a debounced push, and returns when it is due and whether it is the first: others merge
// into that. interval is the least time between two of its kind.
func (o *outbox) hold(p *Push, now, interval time.Duration) (due time.Duration, first bool) {
	if held := o.held[p.kind]; held != nil {
		held.merge(p)
		return held.due, false
	}
	due = now + settleTime
	if sent := o.sentAt[p.kind]; sent > 0 {
		due = max(due, sent+interval)
	}
	o.held[p.kind] = &heldPush{due: due, push: p}
	return due, true
}

// merge keeps the ids of both pushes, or none as soon as one of them has none.
func (h *heldPush) merge(p *Push) {
	if h.push.kind != KindFile || len(h.push.fileIDs) == 0 {
		return
	}
	if h.fileIDs == nil {
		h.fileIDs = slices.Clone(h.push.fileIDs)
	}
	for _, id := range p.fileIDs {
		if !slices.Contains(h.fileIDs, id) {
			h.fileIDs = append(h.fileIDs, id)
		}
	}
	if len(p.fileIDs) == 0 || len(h.fileIDs) > maxHeldIDs {
		h.push, h.fileIDs = filePush, nil
	}
}

// result returns the one push that all merged pushes are.
func (h *heldPush) result() *Push {
	if len(h.fileIDs) > len(h.push.fileIDs) {
		return fileIDsPush(h.fileIDs...)
	}
	return h.push
}

// release takes out the pushes that are due.
func (o *outbox) release(now time.Duration) (released []*Push) {
	for kind, held := range o.held {
		if held != nil && held.due <= now {
			released = append(released, held.result())
			o.held[kind], o.sentAt[kind] = nil, now
		}
	}
	return released
}

// enqueue appends a frame, or says that the client is too slow for it. There is room for one frame
// of any size.
func (o *outbox) enqueue(frame []byte) error {
	if o.size > 0 && o.size+len(frame) > outboxLimit {
		return errOutboxFull
	}
	o.queue = append(o.queue, frame)
	o.size += len(frame)
	return nil
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
	o.inFlight = len(frames)
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
