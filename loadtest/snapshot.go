package loadtest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// snapshot is what was used and counted until then.
type snapshot struct {
	at       int64         // µs since 1970
	machine  time.Duration // CPU time of all programs
	ours     time.Duration // CPU time of those of the test, and the server
	server   process.Usage
	hasPID   bool // server is known
	counters map[string]float64
	cloud    nextcloud.Stats // since begin
}

// begin has everybody count anew and takes a snapshot. Asking the server for its counters is not part of what follows.
func (e *execution) begin(ctx context.Context) snapshot {
	if e.standIns != nil {
		e.standIns.Cloud.ResetStats()
	}
	counters := e.server.Counters(ctx)
	s := e.usage()
	s.counters = counters
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Reset, At: s.at}))
	return s
}

// snapshot takes a snapshot at the end.
func (e *execution) snapshot(ctx context.Context) snapshot {
	s := e.usage()
	s.counters = e.server.Counters(ctx)
	if e.standIns != nil {
		s.cloud = e.standIns.Cloud.Stats()
	}
	return s
}

// end takes a snapshot, with what the clients have counted.
func (e *execution) end(ctx context.Context) (snapshot, swarm.Collection) {
	return e.snapshot(ctx), e.collect()
}

func (e *execution) usage() (s snapshot) {
	var err error
	s.at = clock.Now()
	if pid := e.server.PID.Load(); pid != 0 {
		s.hasPID = true
		s.server, err = process.Read(int(pid))
		e.check(err)
	}
	s.machine, err = process.MachineTime()
	e.check(err)
	s.ours = s.server.CPU
	for _, pid := range e.pids() {
		used, err := process.CPUTime(pid)
		e.check(err)
		s.ours += used
	}
	return s
}

// pids are the processes of the test.
func (e *execution) pids() []int {
	pids := append(e.swarm.PIDs(), os.Getpid())
	if e.standIns != nil && e.standIns.RedisPID != 0 {
		pids = append(pids, e.standIns.RedisPID)
	}
	if e.floorProcess != nil {
		pids = append(pids, e.floorProcess.PID())
	}
	for _, busy := range e.busy {
		pids = append(pids, busy.PID())
	}
	return pids
}

// maxOthers is how much of the machine others may use before a reader is warned, in percent.
const maxOthers = 5

// addOthers is the CPU time of programs that do not belong to the test, and what the hypervisor kept.
func (e *execution) addOthers(before, after snapshot) {
	elapsed := float64(after.at-before.at) * 1e-6 * float64(runtime.NumCPU())
	// The machine's time comes in ticks of 10 ms, which in a short step may be more than all of it.
	share := min(max(100*((after.machine-before.machine)-(after.ours-before.ours)).Seconds()/elapsed, 0), 100)
	e.step.Add("others' CPU", share, "% of the machine")
	if share > maxOthers {
		e.note(fmt.Sprintf("Other programs used %.0f %% of this machine meanwhile: do not rely on these times.", share))
	}
}

// replaceServer has what follows counted against the process that runs now. The CPU time of the old one, until it ended, is not part of
// what our processes use later on.
func (s *snapshot) replaceServer(old time.Duration, fresh process.Usage) {
	s.ours -= old
	s.server, s.counters = fresh, nil
}

// cpu is the server's CPU time between two snapshots; ok is false when it is not known.
func (s snapshot) cpu(until snapshot) (used time.Duration, ok bool) {
	return until.server.CPU - s.server.CPU, s.hasPID && until.hasPID
}

// counted is by how much one of the server's own counters has grown.
func (s snapshot) counted(until snapshot, name string) (float64, bool) {
	before, ok1 := s.counters[name]
	after, ok2 := until.counters[name]
	return after - before, ok1 && ok2
}
