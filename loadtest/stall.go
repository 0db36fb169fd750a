package loadtest

import (
	"context"
	"errors"
	"math"
)

// Stall has clients stop reading, as a phone does that has gone into a tunnel. What is published to them from then on does not
// count as lost.
type Stall struct {
	// Clients is how many.
	Clients int `yaml:"clients"`
}

func (*Stall) title() string { return "stall" }

func (s *Stall) check() error {
	if s.Clients < 1 {
		return errors.New("stall: needs clients")
	}
	return nil
}

func (s *Stall) run(_ context.Context, b *bench) error {
	b.stalled = min(s.Clients, b.connected)
	b.step.add("clients", float64(b.stalled), "")
	return b.crew.do(order{Do: doStall, Count: b.stalled})
}

// Resume has those clients read again, and waits until all are there; those that the server has closed come back.
type Resume struct{}

func (*Resume) title() string { return "resume" }
func (*Resume) check() error  { return nil }

func (*Resume) run(ctx context.Context, b *bench) error {
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	if err := b.resume(ctx); err != nil {
		return err
	}
	after, c, err := b.end(ctx)
	if err != nil {
		return err
	}
	b.step.add("closed by the server", float64(ended(c.tally)), "")
	b.step.add("online at the end", float64(c.Online), "")
	b.addEndings(c.tally)
	b.addMemory(after, c.Online)
	b.addHarness(before, after, c.harness, c.Clients)
	return nil
}

// resume has all clients read, and waits until all are there.
func (b *bench) resume(ctx context.Context) error {
	if err := b.crew.do(order{Do: doResume}); err != nil {
		return err
	}
	b.stalled = 0
	// Those that were closed learn it only when they have read what was sent before.
	calm := func(t tally) int { return t.EverDelivered + t.Logins + ended(t) }
	if _, _, err := b.crew.await(ctx, patience, calm, math.MaxInt); err != nil {
		return err
	}
	_, _, err := b.crew.await(ctx, returnPatience, func(t tally) int { return t.Online }, b.connected)
	return err
}
