package actorstest

import (
	"slices"
	"sync"

	"github.com/notifypush/notifypush/actors"
)

// Control is an actors.Control that remembers what it was asked for. The zero value is ready to
// use.
type Control struct {
	hooked
	mu        sync.Mutex
	levels    []string
	failure   error
	published []actors.Stats
}

// SetLogLevel implements actors.Control.
func (c *Control) SetLogLevel(spec string) error {
	c.called()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	c.levels = append(c.levels, spec)
	return nil
}

// RestoreLogLevel implements actors.Control.
func (c *Control) RestoreLogLevel() {
	c.called()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.levels = c.levels[:max(len(c.levels)-1, 0)]
}

// PublishStats implements actors.Control.
func (c *Control) PublishStats(stats actors.Stats) {
	c.called()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published = append(c.published, stats)
}

// Fail has SetLogLevel fail with err from now on; nil ends that.
func (c *Control) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

// Levels returns the stack of log levels.
func (c *Control) Levels() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.levels)
}

// Published returns the Stats that were published.
func (c *Control) Published() []actors.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.published)
}

var _ actors.Control = (*Control)(nil)
