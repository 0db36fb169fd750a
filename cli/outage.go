package cli

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/internal/backoff"
)

// outageReminder is how often it is logged that something still does not work.
const outageReminder = time.Minute

// outage logs that something does not work: when that begins, once a minute while it lasts, and when it is over. One goroutine uses it.
type outage struct {
	log          *zap.Logger
	begins, ends string // messages, at the same level

	failures int // in a row
	logged   time.Time
}

func (o *outage) fail(err error) {
	if o.failures++; o.failures == 1 || time.Since(o.logged) >= outageReminder {
		o.log.Warn(o.begins, zap.Error(err), zap.Int("tries", o.failures))
		o.logged = time.Now()
	}
}

func (o *outage) end() {
	if o.failures > 0 {
		o.log.Warn(o.ends)
	}
	o.failures = 0
}

// retry tries until something works, and returns false when ctx ends before. The wait between two attempts grows from first to last.
func (o *outage) retry(ctx context.Context, first, last time.Duration, try func() error) bool {
	for {
		err := try()
		if err == nil {
			o.end()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		o.fail(err)
		if !backoff.Pause(ctx.Done(), backoff.Wait(o.failures-1, first, last)) {
			return false
		}
	}
}
