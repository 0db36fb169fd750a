package loadtest

import (
	"context"
	"errors"
	"time"
)

// Restart ends the server with SIGTERM, starts it again, and waits until the clients are back.
type Restart struct {
	// Kill ends it without asking.
	Kill bool `yaml:"kill"`
	// Down is how long it stays away.
	Down time.Duration `yaml:"down"`
}

func (*Restart) title() string { return "restart" }

func (r *Restart) check() error {
	if r.Down < 0 {
		return errors.New("restart: down cannot be negative")
	}
	return nil
}

func (r *Restart) run(ctx context.Context, b *bench) error {
	if b.stalled > 0 { // who does not read does not learn that the server has gone
		if err := b.resume(ctx); err != nil {
			return err
		}
	}
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	old := b.server.process
	if r.Kill {
		b.server.kill()
	} else {
		b.server.stop(ctx)
	}
	stopped := float64(now()-before.at) / 1e6
	if err := wait(ctx, r.Down); err != nil {
		return err
	}
	if err := b.server.start(ctx, b.redis); err != nil {
		return err
	}
	b.step.add("stopping took", stopped, "s")
	b.step.add("starting took", b.server.startTook.Seconds(), "s")
	before.replace(old.ProcessState.UserTime()+old.ProcessState.SystemTime(), b.server.fresh)
	return b.awaitLogins(ctx, before, b.connected, returnPatience)
}

// replace has what follows counted against the process that is there now. All that the old one has computed, until it ended, is
// not part of what our processes have computed later on.
func (m *moment) replace(old time.Duration, fresh usage) {
	m.ours -= old
	m.server, m.counters = fresh, nil
}
