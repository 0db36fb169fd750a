package transport

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// maxIdleWorkers is how many workers wait for the next client.
const maxIdleWorkers = 64

// task is a connection to a client that has to log in.
type task struct {
	w    *Websocket
	conn net.Conn
	peer netip.Addr   // of a connection that has sent nothing yet
	from *interceptor // of such a connection
	l    *login       // where the handshake is done
}

// workers runs each task in a goroutine. One that is done takes the next: its stack has grown already. The zero value is ready to use, and safe for concurrent use.
type workers struct {
	running sync.WaitGroup

	mu     sync.Mutex
	idle   []*worker // the last one has been idle for the shortest time
	closed bool
}

// worker is what a goroutine keeps from task to task.
type worker struct {
	next     chan task
	header   http.Header // of a handshake
	response [256]byte   // to one
}

// readBuffers are for those that read, and not for the many that wait for Nextcloud: 5,000 of these took 20 MiB.
var readBuffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// run starts a task, and does not wait. After close the caller does it: its client hears that the server is shutting down.
func (ws *workers) run(t task) {
	ws.mu.Lock()
	if ws.closed {
		ws.mu.Unlock()
		t.w.work(t, &worker{header: http.Header{}})
		return
	}
	if last := len(ws.idle) - 1; last >= 0 {
		idle := ws.idle[last]
		ws.idle[last] = nil
		ws.idle = ws.idle[:last]
		ws.mu.Unlock()
		idle.next <- t
		return
	}
	ws.running.Add(1) // before close, which waits
	ws.mu.Unlock()
	go func() {
		defer ws.running.Done()
		one := &worker{next: make(chan task, 1), header: http.Header{}}
		for goesOn := true; goesOn; t, goesOn = <-one.next {
			t.w.work(t, one)
			t = task{}
			if !ws.rest(one) {
				return
			}
		}
	}()
}

// rest has a worker wait for the next task; false where it is not needed any more.
func (ws *workers) rest(one *worker) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed || len(ws.idle) >= maxIdleWorkers {
		return false
	}
	ws.idle = append(ws.idle, one)
	return true
}

// close ends the workers, when they have done their tasks, and waits for it.
func (ws *workers) close() {
	ws.mu.Lock()
	ws.closed = true
	for _, one := range ws.idle {
		close(one.next)
	}
	ws.idle = nil
	ws.mu.Unlock()
	ws.running.Wait()
}
