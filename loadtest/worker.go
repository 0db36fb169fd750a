package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// order is what the harness tells a process of clients. Each is obeyed at once: what takes time goes on afterwards.
type order struct {
	Do orderName

	Roster    Roster        `json:",omitzero"` // recruit
	Count     int           `json:",omitempty"`
	InFlight  int           `json:",omitempty"`
	PerSecond float64       `json:",omitempty"`
	Away      time.Duration `json:",omitempty"`
}

type orderName string

const (
	doRecruit orderName = "recruit" // make clients, in place of those there were
	doConnect orderName = "connect" // the next Count, InFlight at once, PerSecond
	doCut     orderName = "cut"     // all lose their connections
	doLeave   orderName = "leave"   // all hang up
	doStall   orderName = "stall"   // the first Count stop reading
	doResume  orderName = "resume"  // and read again
	doChurn   orderName = "churn"   // PerSecond leave and come back; 0 ends it
	doBegin   orderName = "begin"   // count anew
	doTally   orderName = "tally"   // say what was counted
	doCollect orderName = "collect" // say it with the histograms
)

// report answers an order.
type report struct {
	Error           string `json:",omitempty"`
	Tally           Tally
	Latency, Logins []byte  `json:",omitempty"` // histograms
	Harness         Process // the process of the clients itself
}

// worker obeys orders with the clients of this process.
type worker struct {
	fleet *fleet
}

// Work is a process of simulated clients: it obeys the orders that it reads, one JSON object a line, and answers each, until
// there are no more.
func Work(in io.Reader, out io.Writer) error {
	w := &worker{}
	defer w.dismiss()
	orders, reports := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read an order of the load test: %w", err)
		}
		if err := reports.Encode(w.obey(o)); err != nil {
			return fmt.Errorf("answer an order of the load test: %w", err)
		}
	}
}

func (w *worker) obey(o order) report {
	r, err := w.execute(o)
	if err == nil && w.fleet != nil {
		if failure := w.fleet.failure.Load(); failure != nil {
			err = *failure
		}
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

func (w *worker) execute(o order) (r report, err error) {
	if o.Do == doRecruit {
		return r, w.recruit(o.Roster)
	}
	f := w.fleet
	switch o.Do {
	case doConnect:
		f.startRamp(o.Count, o.InFlight, o.PerSecond)
	case doCut:
		f.tellAll(cut{})
	case doLeave:
		f.stopRamp()
		f.tellAll(leave{})
		f.dialed = 0
	case doStall:
		f.stall(o.Count)
	case doResume:
		f.tellAll(resume{})
	case doChurn:
		f.stopChurn()
		if o.PerSecond > 0 {
			f.startChurn(o.PerSecond, o.Away)
		}
	case doBegin:
		f.counts.reset()
	case doTally:
		r.Tally = f.counts.snapshot()
	case doCollect:
		r.Tally = f.counts.snapshot()
		r.Harness, _ = ReadProcess(os.Getpid())
		r.Latency, r.Logins, err = f.counts.histograms()
	}
	return r, err
}

func (w *worker) recruit(roster Roster) (err error) {
	w.dismiss()
	w.fleet, err = newFleet(roster)
	return err
}

func (w *worker) dismiss() {
	if w.fleet != nil {
		w.fleet.close()
		w.fleet = nil
	}
}

func (c *counts) histograms() (latency, loggedIn []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	latency, err = c.latency.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the histogram of latencies: %w", err)
	}
	loggedIn, err = c.loggedIn.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the histogram of logins: %w", err)
	}
	return latency, loggedIn, nil
}

// remote is a worker in a process of its own.
type remote struct {
	process *exec.Cmd
	orders  *json.Encoder
	reports *json.Decoder
	input   io.Closer
}

func startRemote(ctx context.Context, command []string) (*remote, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	endWithParent(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a process of clients: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a process of clients: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a process of clients with %q: %w", command, err)
	}
	return &remote{process: cmd, orders: json.NewEncoder(in), reports: json.NewDecoder(out), input: in}, nil
}

func (r *remote) obey(o order) (report report) {
	if err := r.orders.Encode(o); err != nil {
		report.Error = fmt.Sprintf("tell a process of clients to %s: %v", o.Do, err)
		return report
	}
	if err := r.reports.Decode(&report); err != nil {
		report.Error = fmt.Sprintf("have a process of clients %s: %v", o.Do, err)
	}
	return report
}

func (r *remote) close() {
	r.input.Close()
	_ = r.process.Wait()
}
