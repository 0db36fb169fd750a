package loadtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// order is what the harness tells a process of clients. Each is obeyed at once: what takes time goes on afterwards.
type order struct {
	Do orderName

	Roster    roster        `json:",omitzero"` // recruit
	Count     int           `json:",omitempty"`
	InFlight  int           `json:",omitempty"`
	PerSecond float64       `json:",omitempty"`
	Away      time.Duration `json:",omitempty"`
	At        int64         `json:",omitempty"` // µs since 1970
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
	doBegin   orderName = "begin"   // count anew, from At
	doTally   orderName = "tally"   // say what was counted
	doCollect orderName = "collect" // say it with the histograms
	doDismiss orderName = "dismiss" // the clients are not needed any more
)

// report answers an order.
type report struct {
	Error      string `json:",omitempty"`
	Tally      tally
	Histograms [][]byte `json:",omitempty"` // in the order of histograms.all
	Harness    usage    // the process of the clients itself; its CPU time since begin
}

// worker obeys orders with the clients of this process.
type worker struct {
	fleet *fleet
	begun usage // what this process had used when counting began
}

// work is a process of simulated clients: it obeys the orders that it reads, one JSON object a line, and answers each, until
// there are no more.
func work(in io.Reader, out io.Writer) error {
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
	f := w.fleet
	switch o.Do {
	case doRecruit:
		return r, w.recruit(o.Roster)
	case doDismiss:
		w.dismiss()
		return r, nil
	}
	if f == nil {
		return r, nil // there is nobody yet
	}
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
		f.counts.reset(o.At)
		w.begun, err = readProcess(os.Getpid())
	case doTally:
		r.Tally = f.counts.snapshot()
	case doCollect:
		r.Tally = f.counts.snapshot()
		if r.Harness, err = readProcess(os.Getpid()); err != nil {
			return r, err
		}
		r.Harness.CPU -= w.begun.CPU
		r.Histograms, err = f.counts.encode()
	}
	return r, err
}

func (w *worker) recruit(roster roster) (err error) {
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
