package loadtest

import (
	"context"
	"time"
)

// Leave has all clients hang up; they may connect again.
type Leave struct {
	// Settle is how long to wait then; 0 means not at all.
	Settle time.Duration `yaml:"settle"`
}

func (l *Leave) title() string { return "leave" }
func (l *Leave) check() error  { return nil }

func (l *Leave) run(ctx context.Context, b *bench) error {
	if err := b.crew.do(order{Do: doLeave}); err != nil {
		return err
	}
	b.connected, b.stalled = 0, 0
	if err := wait(ctx, l.Settle); err != nil {
		return err
	}
	after, err := b.moment(ctx)
	if err != nil {
		return err
	}
	b.addMemory(after, 0)
	return nil
}

// wait waits, unless the run ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
