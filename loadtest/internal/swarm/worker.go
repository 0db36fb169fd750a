package swarm

import (
	"io"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/notifypush/notifypush/loadtest/internal/process"
)

// command is what the harness has a worker do. Each returns at once: what takes time goes on afterwards.
type command struct {
	Do action

	Roster        Roster        `json:",omitzero"` // create
	Count         int           `json:",omitempty"`
	InFlight      int           `json:",omitempty"`
	Rate          float64       `json:",omitempty"` // a second
	HandshakeOnly bool          `json:",omitempty"`
	Away          time.Duration `json:",omitempty"`
	At            int64         `json:",omitempty"` // µs since 1970
}

type action string

const (
	doCreate  action = "create"  // make clients, in place of those there were
	doConnect action = "connect" // the next Count, InFlight at once, Rate a second
	doDrop    action = "drop"    // all lose their connections
	doLeave   action = "leave"   // all hang up
	doPause   action = "pause"   // the first Count stop reading
	doResume  action = "resume"  // and read again
	doChurn   action = "churn"   // Rate a second leave and come back; 0 ends it
	doReset   action = "reset"   // count from At on
	doCount   action = "count"   // report the counters
	doCollect action = "collect" // report counters and histograms
	doDiscard action = "discard" // end the clients
)

// reply answers a command.
type reply struct {
	Error      string `json:",omitempty"`
	Counters   Counters
	Histograms []*hdrhistogram.Snapshot `json:",omitempty"` // in the order of Histograms.all
	Harness    process.Usage            // of this process; its CPU time since the reset
}

// worker executes commands with the clients of this process.
type worker struct {
	clients *clientSet    // nil: none yet
	atReset process.Usage // what this process had used
}

// Work is the main function of a process of clients: it executes the commands that it reads, until there are no more.
func Work(in io.Reader, out io.Writer) error {
	w := &worker{}
	defer w.discard()
	return process.ServeHelper(in, out, w.execute)
}

func (w *worker) execute(c command) reply {
	r, err := w.do(c)
	if err == nil && w.clients != nil {
		if failure := w.clients.failure.Load(); failure != nil {
			err = *failure
		}
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

func (w *worker) do(c command) (r reply, err error) {
	switch c.Do {
	case doCreate:
		w.discard()
		w.clients, err = newClientSet(c.Roster)
		return r, err
	case doDiscard:
		w.discard()
	}
	s := w.clients
	if s == nil {
		return r, nil
	}
	switch c.Do {
	case doConnect:
		s.startRamp(c.Count, c.InFlight, c.Rate, connect{c.HandshakeOnly})
	case doDrop:
		s.send(s.clients, drop{})
	case doLeave:
		s.stopRamp()
		s.send(s.clients, leave{})
		s.started = 0
	case doPause:
		s.send(s.clients[:min(c.Count, len(s.clients))], pause{})
	case doResume:
		s.send(s.clients, resume{})
	case doChurn:
		s.stopChurn()
		if c.Rate > 0 {
			s.startChurn(c.Rate, c.Away)
		}
	case doReset:
		s.record.reset(c.At)
		w.atReset, err = process.Read(os.Getpid())
	case doCount:
		r.Counters = s.record.snapshot()
	case doCollect:
		r.Counters = s.record.snapshot()
		r.Histograms = s.record.histograms()
		r.Harness, err = process.Read(os.Getpid())
		r.Harness.CPU -= w.atReset.CPU
	}
	return r, err
}

func (w *worker) discard() {
	if w.clients != nil {
		w.clients.close()
		w.clients = nil
	}
}
