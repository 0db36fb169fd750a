package loadtest

import (
	"context"
	"errors"
	"time"
)

// Leave has all clients hang up; they may connect again.
type Leave struct {
	// Settle is how long to wait then; 0 means not at all.
	Settle time.Duration `yaml:"settle"`
}

func (l *Leave) title() string { return "leave" }

func (l *Leave) check() error {
	if l.Settle < 0 {
		return errors.New("leave: settle cannot be negative")
	}
	return nil
}

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
