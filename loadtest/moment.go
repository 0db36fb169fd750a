package loadtest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

// moment is what was used and counted until then.
type moment struct {
	at       int64         // µs since 1970
	machine  time.Duration // what all programs have computed
	ours     time.Duration // what those of the test have, and the server
	server   usage
	hasPID   bool // server is known
	counters map[string]float64
	cloud    nextcloud.Stats // since begin
}

// begin has everybody count anew and says where things stand. Asking the server for its counters is not part of what follows.
func (b *bench) begin(ctx context.Context) (moment, error) {
	if b.stand != nil {
		b.stand.cloud.ResetStats()
	}
	counters := b.server.counters(ctx)
	m, err := b.used()
	if err != nil {
		return m, err
	}
	m.counters = counters
	return m, b.crew.begin(m.at)
}

// moment says where things stand at the end.
func (b *bench) moment(ctx context.Context) (moment, error) {
	m, err := b.used()
	m.counters = b.server.counters(ctx)
	if b.stand != nil {
		m.cloud = b.stand.cloud.Stats()
	}
	return m, err
}

// end says where things stand, with what the clients have counted.
func (b *bench) end(ctx context.Context) (moment, collection, error) {
	m, err := b.moment(ctx)
	if err != nil {
		return m, collection{}, err
	}
	c, err := b.crew.collect()
	return m, c, err
}

func (b *bench) used() (m moment, err error) {
	m.at = now()
	if pid := b.server.pid.Load(); pid != 0 {
		m.hasPID = true
		if m.server, err = readProcess(int(pid)); err != nil {
			return m, err
		}
	}
	if m.machine, err = machineTime(); err != nil {
		return m, err
	}
	m.ours, err = b.ourTime()
	m.ours += m.server.CPU
	return m, err
}

// ourTime is what the processes of the test have computed.
func (b *bench) ourTime() (total time.Duration, err error) {
	pids := append(b.crew.pids(), os.Getpid())
	if b.stand != nil && b.stand.redisPID != 0 {
		pids = append(pids, b.stand.redisPID)
	}
	if b.loop != nil {
		pids = append(pids, b.loop.pid())
	}
	for _, pid := range pids {
		used, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// maxOthers is how much of the machine others may use before a reader is warned, in percent.
const maxOthers = 5

// addOthers is what programs that do not belong to the test have computed meanwhile, and what the hypervisor kept.
func (b *bench) addOthers(before, after moment) {
	elapsed := float64(after.at-before.at) * 1e-6 * float64(runtime.NumCPU())
	// The machine's time comes in ticks of 10 ms, which in a short step may be more than all of it.
	share := min(max(100*((after.machine-before.machine)-(after.ours-before.ours)).Seconds()/elapsed, 0), 100)
	b.step.add("others' CPU", share, "% of the machine")
	if share > maxOthers {
		b.note(fmt.Sprintf("Other programs used %.0f %% of this machine meanwhile: do not rely on these times.", share))
	}
}

// cpu is the server's CPU time between two moments; ok is false when it is not known.
func (m moment) cpu(until moment) (used time.Duration, ok bool) {
	return until.server.CPU - m.server.CPU, m.hasPID && until.hasPID
}

// counted is by how much one of the server's own counters has grown.
func (m moment) counted(until moment, name string) (float64, bool) {
	before, ok1 := m.counters[name]
	after, ok2 := until.counters[name]
	return after - before, ok1 && ok2
}
