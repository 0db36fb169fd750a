package swarm

import (
	"io"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/notifypush/notifypush/loadtest/internal/process"
)

// Command is what clients are to do; Do says which fields it takes. Each returns at once: what takes time goes on
// afterwards. Count, InFlight and Rate are shared among the workers.
type Command struct {
	Do Action

	Roster        Roster        `json:",omitzero"`
	Count         int           `json:",omitempty"`
	InFlight      int           `json:",omitempty"`
	Rate          float64       `json:",omitempty"` // a second
	HandshakeOnly bool          `json:",omitempty"`
	Away          time.Duration `json:",omitempty"`
	At            int64         `json:",omitempty"` // µs since 1970
}

// Action is the kind of a command.
type Action string

// The actions.
const (
	Create  Action = "create"  // replace all clients by those of Roster, offline
	Connect Action = "connect" // the next Count connect, InFlight (0: all) at once, Rate (0: as fast as they can); HandshakeOnly: and hang up
	Drop    Action = "drop"    // all lose their connections, and come back
	Leave   Action = "leave"   // all hang up, until the next Connect
	Pause   Action = "pause"   // the first Count stop reading
	Resume  Action = "resume"  // all read
	Churn   Action = "churn"   // Rate leave and come back after about Away; 0 ends it
	Reset   Action = "reset"   // count from At on
	Discard Action = "discard" // end all clients

	count   Action = "count"   // report the counters
	collect Action = "collect" // report counters and histograms
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

func (w *worker) execute(c Command) reply {
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

func (w *worker) do(c Command) (r reply, err error) {
	switch c.Do {
	case Create:
		w.discard()
		w.clients, err = newClientSet(c.Roster)
		return r, err
	case Discard:
		w.discard()
	}
	s := w.clients
	if s == nil {
		return r, nil
	}
	switch c.Do {
	case Connect:
		s.startRamp(c.Count, c.InFlight, c.Rate, connect{c.HandshakeOnly})
	case Drop:
		s.send(s.clients, drop{})
	case Leave:
		s.stopRamp()
		s.send(s.clients, leave{})
		s.started = 0
	case Pause:
		s.send(s.clients[:min(c.Count, len(s.clients))], pause{})
	case Resume:
		s.send(s.clients, resume{})
	case Churn:
		s.stopChurn()
		if c.Rate > 0 {
			s.startChurn(c.Rate, c.Away)
		}
	case Reset:
		s.record.reset(c.At)
		w.atReset, err = process.Read(os.Getpid())
	case count:
		r.Counters = s.record.snapshot()
	case collect:
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
