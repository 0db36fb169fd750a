package loadtest

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
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
	share atomic.Pointer[func(t tally) float64] // how far it has come, for the watcher; nil when nobody knows

	recruited       bool
	connected       int           // clients that were told to connect
	stalled         int           // those of them that do not read: the first
	connectedMemory int64         // the server's, when the last clients had come
	loop            *floorProcess // while the floor is measured
	floor           *StepResult   // of frames that were written at once; nil without one
	pacedFloor      *StepResult   // of frames that were written at a rate
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
	defer b.server.stop(ctx)
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
	// What the server before has left there, such as logins, would help this one.
	if _, err := b.redis.Do("FLUSHALL"); err != nil {
		return fmt.Errorf("empty the Redis of the load test: %w", err)
	}
	if err := b.server.start(ctx, b.redis); err != nil {
		return err
	}
	start := StepResult{Step: "start"}
	start.add("time", b.server.startTook.Seconds(), "s")
	start.add("server memory", float64(b.server.empty)/mib, "MiB")
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
	b.step = &StepResult{Step: title, Figures: []Figure{}}
	defer func() { b.result.Steps = append(b.result.Steps, *b.step) }()
	b.share.Store(nil)
	b.title.Store(&title)
	lasting, end := context.WithCancel(ctx)
	defer end()
	if step.Restart == nil {
		go endWith(lasting, end, b.server.ended)
	}
	err = action.run(lasting, b)
	gone := b.server.alive()
	switch { // by what made all else fail
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case gone != nil:
		err = gone
	}
	return fmt.Errorf("%s, %s: %w", b.scenario.Name, title, err)
}

// endWith ends what lasts when the server has ended, which may be hours before it would end by itself.
func endWith(lasting context.Context, end context.CancelFunc, ended <-chan struct{}) {
	select {
	case <-ended:
		end()
	case <-lasting.Done():
	}
}

// expect says how far the step has come, as a share of 1.
func (b *bench) expect(share func(t tally) float64) { b.share.Store(&share) }

// expectTime is expect for a step that ends by the clock.
func (b *bench) expectTime(length time.Duration) {
	begun := time.Now()
	b.expect(func(tally) float64 { return time.Since(begun).Seconds() / length.Seconds() })
}

// note is something that a reader of the step's figures should know.
func (b *bench) note(text string) { b.step.Notes = append(b.step.Notes, text) }

// recruit makes the clients, at their first connect.
func (b *bench) recruit(address netip.AddrPort, path string) error {
	roster := roster{
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
	b.connected, b.stalled, b.recruited = 0, 0, true
	return b.crew.recruit(roster)
}

const uidPath = "/index.php/apps/notify_push/uid"

// addLogins is what reached Nextcloud since begin, and how the time that all this took compares with what Nextcloud needs for it.
func (b *bench) addLogins(after moment, took float64) {
	if b.stand == nil {
		return
	}
	logins := after.cloud.Logins[uidPath]
	b.step.add("logins at Nextcloud", float64(logins), "")
	b.step.add("most requests in flight at Nextcloud", float64(after.cloud.MostInFlight), "")
	if alone := b.scenario.Nextcloud.alone(logins); alone > 0 && took > 0 {
		b.step.add("time against Nextcloud alone", took/alone.Seconds(), "×")
	}
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
		b.step.add("memory a connection", float64(at.server.Resident-b.server.empty)/float64(online)/kib, "KiB")
	}
}

// addHarness is what the simulated clients themselves cost, with all else that their processes do.
func (b *bench) addHarness(before, after moment, used usage, clients int) {
	b.step.add("harness memory a client", float64(used.Resident)/float64(max(clients, 1))/kib, "KiB")
	b.step.add("harness CPU", 100*used.CPU.Seconds()*1e6/float64(max(after.at-before.at, 1)), "% of a core")
	b.addOthers(before, after)
}
