package loadtest

import (
	"context"
	"errors"
)

func (n *Nextcloud) title() string { return "nextcloud" }

func (n *Nextcloud) check() error {
	if n.Delay < 0 || n.Workers < 0 {
		return errors.New("nextcloud: delay and workers cannot be negative")
	}
	return nil
}

// run changes how the stand-in feels from now on.
func (n *Nextcloud) run(_ context.Context, b *bench) error {
	b.scenario.Nextcloud = *n
	b.stand.behave(*n)
	return nil
}
