package loadtest

import "context"

// Cut drops all connections at once, as a proxy does that is restarted, and waits until the clients are back.
type Cut struct{}

func (*Cut) title() string { return "cut" }
func (*Cut) check() error  { return nil }

func (*Cut) run(ctx context.Context, b *bench) error {
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	if err := b.crew.do(order{Do: doCut}); err != nil {
		return err
	}
	b.stalled = 0 // who comes back reads
	return b.awaitLogins(ctx, before, b.connected, returnPatience)
}
