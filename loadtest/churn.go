package loadtest

import (
	"context"
	"errors"
	"time"
)

// Churn has clients leave and come back all the time, and finds what the server does not give back.
type Churn struct {
	// Rate is how many leave a second, in turn; 0 means 100. Whoever is still away when its turn comes is left out.
	Rate float64 `yaml:"rate"`
	// Away is how long a client is away, on average; 0 means a second.
	Away time.Duration `yaml:"away"`
	// For is how long this goes on; 0 means a minute.
	For time.Duration `yaml:"for"`
}

func (*Churn) title() string { return "churn" }

func (c *Churn) check() error {
	if c.Rate < 0 || c.Away < 0 || c.For < 0 {
		return errors.New("churn: no number can be negative")
	}
	return nil
}

func (c *Churn) setDefaults() {
	if c.Rate == 0 {
		c.Rate = 100
	}
	if c.Away == 0 {
		c.Away = time.Second
	}
}

func (c *Churn) run(ctx context.Context, b *bench) error {
	c.setDefaults()
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	if err := b.crew.do(order{Do: doChurn, PerSecond: c.Rate, Away: c.Away}); err != nil {
		return err
	}
	b.expectTime(c.For)
	if err := wait(ctx, c.For); err != nil {
		return err
	}
	if err := b.crew.do(order{Do: doChurn}); err != nil {
		return err
	}
	if _, _, err := b.crew.await(ctx, returnPatience, func(t tally) int { return t.Online }, b.connected); err != nil {
		return err
	}
	after, collected, err := b.end(ctx)
	if err != nil {
		return err
	}
	b.addConnect(collected, before, after)
	return nil
}
