package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

// bench is one run of a scenario against one server.
type bench struct {
	options   *Options
	scenario  Scenario
	stand     *standIns // nil when the server is somebody else's
	server    *server
	redis     redis.Conn
	crew      *crew
	publisher *publisher
	result    *Result

	step  *StepResult                           // the present one
	title atomic.Pointer[string]                // its title, for the watcher
	share atomic.Pointer[func(t Tally) float64] // how far it has come, for the watcher; nil when nobody knows
	began time.Time                             // when it began to measure

	recruited       bool
	connected       int           // clients that were told to connect
	stalled         int           // those of them that do not read: the first
	connectedMemory int64         // the server's, when the last clients had come
	loop            *floorProcess // while the floor is measured
	floor           *StepResult   // nil without one
}

// Result is what a scenario gave with one server.
type Result struct {
	Scenario string `json:"scenario"`
	About    string `json:"about,omitempty"`
	// Server is the label of the server, or its command; Round counts from 1.
	Server  string       `json:"server"`
	Command string       `json:"command,omitempty"`
	Round   int          `json:"round"`
	Clients int          `json:"clients"`
	Steps   []StepResult `json:"steps"`
	Samples []Sample     `json:"samples,omitempty"`
	Seconds float64      `json:"seconds"`
	// Error is why it ended before its last step.
	Error string `json:"error,omitempty"`
}

func (b *bench) run(ctx context.Context) error {
	begun := time.Now()
	defer func() { b.result.Seconds = time.Since(begun).Seconds() }()
	if err := b.startServer(ctx); err != nil {
		return err
	}
	defer b.server.stop()
	defer func() { _ = b.crew.do(order{Do: doDismiss}) }()
	stopWatch := b.watch(ctx)
	defer stopWatch()
	for _, step := range b.scenario.Steps {
		if err := b.take(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startServer(ctx context.Context) error {
	if b.stand == nil {
		return nil
	}
	b.stand.behave(b.scenario.Nextcloud)
	if err := b.server.start(ctx, b.redis); err != nil {
		return err
	}
	start := StepResult{Step: "start"}
	start.add("time", b.server.startTook.Seconds(), "s")
	start.add("server memory", float64(b.server.empty.Resident)/mib, "MiB")
	b.result.Steps = append(b.result.Steps, start)
	return nil
}

func (b *bench) redisURL() string {
	if b.stand == nil {
		return b.options.RedisURL
	}
	return b.stand.redisURL
}

// take runs one step.
func (b *bench) take(ctx context.Context, step Step) error {
	action, err := step.action()
	if err != nil {
		return err
	}
	title := action.title()
	b.step = &StepResult{Step: title}
	defer func() { b.result.Steps = append(b.result.Steps, *b.step) }()
	b.share.Store(nil)
	b.title.Store(&title)
	if err := action.run(ctx, b); err != nil {
		return fmt.Errorf("%s, %s: %w", b.scenario.Name, title, errors.Join(err, b.server.alive()))
	}
	return nil
}

// expect says how far the step has come, as a share of 1.
func (b *bench) expect(share func(t Tally) float64) { b.share.Store(&share) }

// expectTime is expect for a step that ends by the clock.
func (b *bench) expectTime(length time.Duration) {
	begun := time.Now()
	b.expect(func(Tally) float64 { return time.Since(begun).Seconds() / length.Seconds() })
}

// note is something that a reader of the step's figures should know.
func (b *bench) note(text string) { b.step.Notes = append(b.step.Notes, text) }

// begin has everybody count anew and says where things stand.
func (b *bench) begin() (moment, error) {
	if b.stand != nil {
		b.stand.cloud.ResetStats()
	}
	b.began = time.Now()
	if err := b.crew.do(order{Do: doBegin}); err != nil {
		return moment{}, err
	}
	return b.moment()
}

// recruit makes the clients, at their first connect.
func (b *bench) recruit(address netip.AddrPort, path string) error {
	roster := Roster{
		Address:     address,
		Path:        path,
		Clients:     b.scenario.Clients,
		PerUser:     b.scenario.PerUser,
		FileIDs:     *b.scenario.FileIDs,
		TokenPrefix: fmt.Sprintf("loadtest%d-", now()),
		Backoff:     b.scenario.Backoff,
	}
	if b.scenario.Login == loginToken {
		roster.RedisURL = b.redisURL()
	}
	b.connected, b.recruited = 0, true
	return b.crew.recruit(roster)
}

// moment is what was used and counted until then.
type moment struct {
	machine  time.Duration // what all programs computed
	ours     time.Duration // those of the test, and the server
	at       int64         // µs since 1970
	server   Process
	counters map[string]float64
	cloud    nextcloud.Stats
	hasPID   bool
}

func (b *bench) moment() (m moment, err error) {
	m.at = now()
	m.counters = b.server.counters()
	if b.stand != nil {
		m.cloud = b.stand.cloud.Stats()
	}
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
	share := max(100*((after.machine-before.machine)-(after.ours-before.ours)).Seconds()/elapsed, 0)
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

const uidPath = "/index.php/apps/notify_push/uid"

// addLogins is what reached Nextcloud since begin.
func (b *bench) addLogins(before, after moment) {
	if b.stand == nil {
		return
	}
	b.step.add("logins at Nextcloud", float64(after.cloud.Logins[uidPath]-before.cloud.Logins[uidPath]), "")
	b.step.add("most requests in flight at Nextcloud", float64(after.cloud.MostInFlight), "")
}

// addMemory is the server's memory: all of it, what it has grown by since the clients had come, and what it has grown by since
// its start for each client that is connected.
func (b *bench) addMemory(at moment, online int) {
	if !at.hasPID {
		return
	}
	b.step.add("server memory", float64(at.server.Resident)/mib, "MiB")
	b.step.add("memory since the logins", float64(at.server.Resident-b.connectedMemory)/mib, "MiB")
	if online > 0 {
		b.step.add("memory a connection", float64(at.server.Resident-b.server.empty.Resident)/float64(online)/kib, "KiB")
	}
}

// addHarness is what the simulated clients themselves cost, with all else that their processes do.
func (b *bench) addHarness(before, after moment, used Process, clients int) {
	b.step.add("harness memory a client", float64(used.Resident)/float64(max(clients, 1))/kib, "KiB")
	b.step.add("harness CPU", 100*used.CPU.Seconds()*1e6/float64(max(after.at-before.at, 1)), "% of a core")
	b.addOthers(before, after)
}
