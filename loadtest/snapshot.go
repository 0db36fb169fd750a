package loadtest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/report"
)

// snapshot is what was used and counted until then.
type snapshot struct {
	at      int64         // µs since 1970
	machine time.Duration // CPU time of all programs
	ours    time.Duration // CPU time of those of the test, and the server
	nodes   []nodeUsage
	cloud   nextcloud.Stats // since begin
}

// nodeUsage is what a server has used and counted.
type nodeUsage struct {
	process.Usage
	hasPID   bool // Usage is known
	counters map[string]float64
	logins   int // at Nextcloud
}

// begin has everybody count anew and takes a snapshot. Asking the server for its counters is not part of what follows.
func (e *execution) begin(ctx context.Context) snapshot {
	if e.standIns != nil {
		e.standIns.Cloud.ResetStats()
	}
	counters := e.counters(ctx)
	s := e.usage()
	s.setCounters(counters)
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Reset, At: s.at}))
	return s
}

// snapshot takes a snapshot at the end.
func (e *execution) snapshot(ctx context.Context) snapshot {
	s := e.usage()
	s.setCounters(e.counters(ctx))
	if e.standIns != nil {
		s.cloud = e.standIns.Cloud.Stats()
	}
	return s
}

// counters are those of each node.
func (e *execution) counters(ctx context.Context) (all []map[string]float64) {
	for _, node := range e.nodes {
		all = append(all, node.Counters(ctx))
	}
	return all
}

func (s *snapshot) setCounters(all []map[string]float64) {
	for i := range s.nodes {
		s.nodes[i].counters = all[i]
	}
}

// end takes a snapshot, with what the clients have counted.
func (e *execution) end(ctx context.Context) (snapshot, swarm.Collection) {
	return e.snapshot(ctx), e.collect()
}

func (e *execution) usage() (s snapshot) {
	var err error
	s.at = clock.Now()
	for _, node := range e.nodes {
		used := nodeUsage{logins: node.Logins()}
		if pid := node.PID.Load(); pid != 0 {
			used.hasPID = true
			used.Usage, err = process.Read(int(pid))
			e.check(err)
		}
		s.nodes = append(s.nodes, used)
		s.ours += used.CPU
	}
	s.machine, err = process.MachineTime()
	e.check(err)
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
	if e.balancer != nil {
		pids = append(pids, int(e.balancer.PID.Load()))
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

// replaceServer has what follows counted against the process that runs now; empty is what one uses that has just started. The CPU time of
// the old one, until it ended, is not part of what our processes use later on.
func (s *snapshot) replaceServer(node int, old time.Duration, empty process.Usage) {
	s.ours -= old
	s.nodes[node].Usage, s.nodes[node].counters = empty, nil
}

// known reports whether the process of each node is.
func (s snapshot) known() bool {
	return !slices.ContainsFunc(s.nodes, func(node nodeUsage) bool { return !node.hasPID })
}

// resident is the memory of the server in bytes, of all nodes together.
func (s snapshot) resident() (total int64) {
	for _, node := range s.nodes {
		total += node.Resident
	}
	return total
}

// cpu is the server's CPU time between two snapshots, of all nodes together; ok is false when it is not known.
func (s snapshot) cpu(until snapshot) (used time.Duration, ok bool) {
	for i := range s.nodes {
		used += until.nodes[i].CPU - s.nodes[i].CPU
	}
	return used, s.known() && until.known()
}

// counted is by how much one of the server's own counters has grown, at all nodes together.
func (s snapshot) counted(until snapshot, name string) (grown float64, ok bool) {
	ok = true
	for i := range s.nodes {
		before, ok1 := s.nodes[i].counters[name]
		after, ok2 := until.nodes[i].counters[name]
		grown += after - before
		ok = ok && ok1 && ok2
	}
	return grown, ok
}

// addNodes is what each node of a fleet did. What has been restarted is counted since its last start.
func (e *execution) addNodes(before, after snapshot) {
	if len(e.nodes) < 2 {
		return
	}
	const connections, messages = "active_connection_count", "message_count_total"
	each := func(name, unit string, value func(before, after nodeUsage) (float64, bool)) {
		var values []float64
		for i := range e.nodes {
			v, ok := value(before.nodes[i], after.nodes[i])
			if !ok {
				return
			}
			values = append(values, v)
		}
		addSum(e.step, name, values, unit)
	}
	each("connections", "", func(_, after nodeUsage) (float64, bool) {
		n, ok := after.counters[connections]
		return n, ok
	})
	each("pushes", "", func(before, after nodeUsage) (float64, bool) {
		n, ok := after.counters[messages]
		return n - before.counters[messages], ok
	})
	each("server CPU", "ms", func(before, after nodeUsage) (float64, bool) {
		return ms((after.CPU - before.CPU).Microseconds()), before.hasPID && after.hasPID
	})
}

// addLongest adds the longest of the times that the nodes took, and that of each when there are several.
func addLongest(step *report.StepResult, name string, nodes []float64, unit string) {
	addSum(step, name, nodes, unit)
	step.Figures[len(step.Figures)-1].Value = slices.Max(nodes)
}

// addSum adds the sum of what the nodes gave, and that of each when there are several.
func addSum(step *report.StepResult, name string, nodes []float64, unit string) {
	figure := report.Figure{Name: name, Unit: unit}
	for _, value := range nodes {
		figure.Value += value
	}
	if len(nodes) > 1 {
		figure.Nodes = nodes
	}
	step.Figures = append(step.Figures, figure)
}
