package cli

import (
	"context"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport/monitor"
	"go.uber.org/zap"
)

// publishTimeout is how long writing the counters may take; nobody looks for them much later.
const publishTimeout = time.Second

// control does what an administrator asks for with occ.
type control struct {
	*logging
	redis *storage.Redis
	fleet *fleet.Fleet // nil: this server is alone
}

// PublishStats writes the counters, of a fleet their sums, to where `occ notify_push:metrics` reads them.
func (c *control) PublishStats(stats actors.Stats) {
	if c.fleet != nil {
		stats = c.fleet.Sum(stats)
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
		defer cancel()
		if err := c.redis.Set(ctx, monitor.KeyMetrics, string(monitor.StatsJSON(stats)), 0); err != nil {
			c.Warn("cannot write the counters to redis", zap.Error(err))
		}
	}()
}
