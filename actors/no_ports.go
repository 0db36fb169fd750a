package actors

import "context"

// What takes the place of ports that a host leaves out.
type (
	noEvents  struct{}
	noMounts  struct{}
	noControl struct{}
)

func (noEvents) Receive(ctx context.Context, _ []string, subscribed func(), _ func(string, []byte)) error {
	subscribed()
	<-ctx.Done()
	return ctx.Err()
}

func (noMounts) MountsOfStorages(context.Context, []uint64) ([]Mount, error) { return nil, nil }

func (noControl) SetLogLevel(string) error { return nil }

func (noControl) RestoreLogLevel() {}

func (noControl) PublishStats(Stats) {}
