package actors

// ownGoroutine is the dispatcher of one actor that is always there: it runs in one goroutine, which
// has grown its stack once. The runtime would start a new one each time that a message finds the
// actor idle, and where events come one by one that costs more than everything else about them.
type ownGoroutine struct {
	runs       chan func()
	throughput int
}

func (s *System) newOwnGoroutine(throughput int) ownGoroutine {
	// A mailbox has one run scheduled at most, so there is always room for it.
	d := ownGoroutine{make(chan func(), 1), throughput}
	s.spawnWorker(func() {
		for {
			select {
			case run := <-d.runs:
				_ = s.guarded("dispatcher", func() error { run(); return nil })
			case <-s.stopped:
				return
			}
		}
	})
	return d
}

// Schedule is called by the mailbox when it has something.
func (d ownGoroutine) Schedule(run func()) { d.runs <- run }

// Throughput returns after how many messages others get a turn.
func (d ownGoroutine) Throughput() int { return d.throughput }
