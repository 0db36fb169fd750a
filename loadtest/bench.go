package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

// bench is one run of a scenario against one server.
type bench struct {
	options  *Options
	scenario Scenario
	stand    *standIns // nil when the server is somebody else's
	server   *server
	redis    redis.Conn
	crew     *crew
	result   *Result
	step     *StepResult  // the present one
	stepName atomic.Value // its title, for the watcher

	recruited bool
	connected int     // clients that were told to connect
	floor     floored // what the floor step gave; zero without one
	publisher *publisher
}

// Result is what a scenario gave with one server.
type Result struct {
	Scenario string `json:"scenario"`
	About    string `json:"about,omitempty"`
	// Server is the label or the command of the server.
	Server  string       `json:"server"`
	Clients int          `json:"clients"`
	Steps   []StepResult `json:"steps"`
	Samples []Sample     `json:"samples,omitempty"`
	Took    float64      `json:"seconds"`
}

func (b *bench) run(ctx context.Context) error {
	begun := time.Now()
	defer func() { b.result.Took = time.Since(begun).Seconds() }()
	if err := b.startServer(ctx); err != nil {
		return err
	}
	defer b.server.stop()
	b.publisher = &publisher{redis: b.redis}
	stopWatch := b.watch(ctx)
	defer stopWatch()
	for _, step := range b.scenario.Steps {
		if err := b.take(ctx, step); err != nil {
			return err
		}
	}
	return b.crew.do(order{Do: doLeave})
}

func (b *bench) startServer(ctx context.Context) error {
	if b.stand == nil {
		return nil
	}
	b.stand.behave(b.scenario.Nextcloud)
	b.stand.cloud.ResetStats()
	return b.server.start(ctx, b.redis)
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
	b.result.Steps = append(b.result.Steps, StepResult{Step: action.title()})
	b.step = &b.result.Steps[len(b.result.Steps)-1]
	b.stepName.Store(action.title())
	if err := action.run(ctx, b); err != nil {
		return fmt.Errorf("%s, %s: %w", b.scenario.Name, action.title(), errors.Join(err, b.server.alive()))
	}
	return nil
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
	at       time.Time
	server   Process
	counters map[string]float64
	cloud    nextcloud.Stats
	hasPID   bool
}

func (b *bench) moment() (m moment, err error) {
	m.at = time.Now()
	m.counters = b.server.counters()
	if b.stand != nil {
		m.cloud = b.stand.cloud.Stats()
	}
	if pid := b.server.pid.Load(); pid != 0 {
		m.hasPID = true
		m.server, err = ReadProcess(int(pid))
	}
	return m, err
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

func (b *bench) addLogins(before, after moment) {
	if b.stand == nil {
		return
	}
	b.step.add("logins at Nextcloud", float64(after.cloud.Logins[uidPath]-before.cloud.Logins[uidPath]), "")
	b.step.add("most requests in flight at Nextcloud", float64(after.cloud.MostInFlight), "")
}

// addMemory is what the server's memory has grown by since it started, for each client that is connected.
func (b *bench) addMemory(at moment, online int) {
	if !at.hasPID {
		return
	}
	b.step.add("server memory", float64(at.server.Resident)/mib, "MiB")
	if online > 0 {
		b.step.add("memory a connection", float64(at.server.Resident-b.server.empty.Resident)/float64(online)/kib, "KiB")
	}
}

func (b *bench) addHarness(c collection) {
	if n := c.Clients; n > 0 {
		b.step.add("harness memory a client", float64(c.harness.Resident)/float64(n)/kib, "KiB")
	}
}
