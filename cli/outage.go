package cli

import (
	"time"

	"go.uber.org/zap"
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

func (o *outage) end(fields ...zap.Field) {
	if o.failures > 0 {
		o.log.Warn(o.ends, fields...)
	}
	o.failures = 0
}
