package actors

import "sync"

// dispatcher runs one actor of those that are always there.
type dispatcher struct {
	system     *System
	throughput int
}

// Schedule is called by the mailbox when it has something.
func (d dispatcher) Schedule(run func()) { d.system.shared.workers.run(turn{d.system, run}) }

// Throughput returns after how many messages others get a turn.
func (d dispatcher) Throughput() int { return d.throughput }

// turn is a run of an actor through its mailbox.
type turn struct {
	system *System
	run    func()
}

// maxIdleWorkers is how many workers wait for the next turn; one System has seven actors that are always there.
const maxIdleWorkers = 32

// workers are the goroutines in which the actors of all Systems on one runtime have their turns. One that is done takes the next turn: its
// stack has grown already. The runtime would start a goroutine each time that a message finds an actor idle, and where events come one by
// one that costs more than everything else about them; and a goroutine for each actor would be most of what an idle System costs. There are
// as many as actors that are busy, so that no actor waits for another one. It is safe for concurrent use.
type workers struct {
	mu      sync.Mutex
	systems int
	idle    []chan turn     // the last one has been idle for the shortest time
	running *sync.WaitGroup // the workers since there was no System; nil while there is none
}

// join is called by a System before its first turn.
func (ws *workers) join() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.systems++; ws.systems == 1 { // the last one may be waiting for the workers before still
		ws.running = &sync.WaitGroup{}
	}
}

// leave is called by a System when its actors are gone. The last one waits until the workers are, too.
func (ws *workers) leave() {
	ws.mu.Lock()
	if ws.systems--; ws.systems > 0 {
		ws.mu.Unlock()
		return
	}
	for _, next := range ws.idle {
		close(next)
	}
	running := ws.running
	ws.idle, ws.running = nil, nil
	ws.mu.Unlock()
	running.Wait()
}

// run does not wait. What an actor that is gone is sent after the last System has left is forgotten.
func (ws *workers) run(t turn) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if last := len(ws.idle) - 1; last >= 0 {
		ws.idle[last] <- t // which has room for it
		ws.idle[last] = nil
		ws.idle = ws.idle[:last]
		return
	}
	if running := ws.running; running != nil {
		running.Go(func() { ws.work(t, running) })
	}
}

func (ws *workers) work(t turn, running *sync.WaitGroup) {
	next := make(chan turn, 1)
	for goesOn := true; goesOn; t, goesOn = <-next {
		_ = t.system.guarded("dispatcher", func() error { t.run(); return nil })
		t = turn{}
		if !ws.rest(next, running) {
			return
		}
	}
}

// rest has a worker wait for the next turn; false where it is not needed any more.
func (ws *workers) rest(next chan turn, running *sync.WaitGroup) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.running != running || len(ws.idle) >= maxIdleWorkers {
		return false
	}
	ws.idle = append(ws.idle, next)
	return true
}
