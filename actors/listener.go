package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/internal/backoff"
	"github.com/notifypush/notifypush/internal/logthrottle"
)

const (
	// The wait before the subscription is tried again doubles from the first to the last.
	firstRetry, lastRetry = 100 * time.Millisecond, 5 * time.Second
	// A subscription that lasted for lastingTime ends the doubling: one that is lost as soon as it is
	// confirmed is a failure like those that are refused.
	lastingTime = 5 * time.Second
	// maxResync bounds the time over which clients are sent the pushes of a resync.
	maxResync = 2 * time.Minute
	// Where the subscription is lost again and again, the time from one resync to the next doubles from the
	// first to the last.
	firstResyncDistance, lastResyncDistance = 10 * time.Second, 5 * time.Minute
	// lull is how long the source has nothing to hand on before an event that is handled at once, down to the socket: longer than it
	// takes to read one that has arrived already, and shorter than to wait for one that has not. Of events that follow more closely on
	// each other, the frames leave in fewer writes.
	lull = 20 * time.Microsecond
	// hintInterval is how often the mapper is sent mountsMayChange at most: it lasts for a minute.
	hintInterval = time.Second
)

// listener is the Redis-listener actor: it owns the subscription, makes events of what arrives,
// and routes them. When the subscription was lost, or late, and is there, every client is sent one
// push of each kind, because nobody knows what was missed: a resync.
type listener struct {
	system    *System
	malformed *logthrottle.Line

	// Owned by Receive.
	run       uint64 // the subscription that counts; an older one's last words are ignored
	cancel    context.CancelFunc
	retries   int
	since     time.Duration // when the subscription was confirmed; 0 before that
	lasted    time.Duration // how long the one before was
	resyncs   resyncTimes
	resyncing bool          // a resync is on its way
	hintedAt  time.Duration // when the mapper was sent mountsMayChange last
}

func newListener(system *System) actor.Actor {
	return &listener{system: system, malformed: logthrottle.New(system.log, time.Second, "malformed event", "channel")}
}

func (l *listener) Receive(ctx actor.Context) {
	defer l.system.handled(atListener)
	defer l.system.reportPanic(ctx)
	switch m := ctx.Message().(type) {
	case *payloadArrived:
		l.onPayload(ctx, m)
	case *eventPublished:
		l.onEvent(ctx, m)
	case *actor.Started:
		l.subscribe(ctx)
	case *subscribe:
		if m.after == l.run { // else another one has taken the place of the one that was lost
			l.subscribe(ctx)
		}
	case *subscribed:
		l.onSubscribed(ctx, m)
	case *subscriptionEnded:
		l.onSubscriptionEnded(ctx, m)
	case *resync:
		l.onResync(m)
	case *probe:
		m.passed <- atListener
		ctx.Send(l.system.mapper, m)
	case *actor.Stopping, *actor.Restarting:
		if l.cancel != nil {
			l.cancel()
		}
	}
}

// subscribe starts the goroutine that receives, and that alone may be made to wait.
func (l *listener) subscribe(ctx actor.Context) {
	subscription, cancel := context.WithCancel(l.system.ctx)
	l.run, l.cancel = l.system.nextRun(), cancel
	run, root, self, system := l.run, l.system.root, ctx.Self(), l.system
	system.spawnWorker(func() {
		var handed time.Duration // when the payload before was
		err := system.guarded("event source", func() error {
			return system.ports.Events.Receive(subscription, Channels,
				func() { root.Send(self, &subscribed{run: run}) },
				func(channel string, payload []byte) {
					prompt := system.now()-handed >= lull
					if system.inFlight.acquire(subscription, len(payload)) == nil {
						root.Send(self, &payloadArrived{channel: channel, Payload: payload, at: system.hooks.eventTime(), prompt: prompt})
					}
					handed = system.now()
				})
		})
		root.Send(self, &subscriptionEnded{run: run, err: err})
	})
}

func (l *listener) onSubscribed(ctx actor.Context, m *subscribed) {
	if m.run != l.run {
		return
	}
	gap := l.system.everSubscribed.Swap(true) || l.retries > 0 || l.system.counters.activeConnections.Load() > 0
	l.since = l.system.now()
	l.system.solved(problemEvents)
	l.system.log.Info("subscribed to events")
	if !gap || l.system.options.Load().NoResync || l.resyncing {
		return
	}
	l.resyncing = true
	if at := l.resyncs.next(l.since); at > l.since {
		l.system.scheduler.add(at, ctx.Self(), &resync{asker: l})
	} else {
		l.onResync(&resync{asker: l})
	}
}

func (l *listener) onResync(m *resync) {
	if m.asker == l {
		l.resyncing = false
		l.system.counters.resyncs.Add(1)
		l.system.sendRegistries(&refreshAll{within: l.system.spread(maxResync)})
	}
}

func (l *listener) onSubscriptionEnded(ctx actor.Context, m *subscriptionEnded) {
	if m.run != l.run || l.system.ctx.Err() != nil {
		return
	}
	l.cancel()
	var fields []zap.Field
	if l.since > 0 {
		lasted := l.system.now() - l.since
		if hint := hintAtProxy(l.lasted, lasted); hint != "" {
			fields = append(fields, zap.String("hint", hint))
		}
		if l.lasted, l.since = lasted, 0; lasted >= lastingTime {
			l.retries = 0
		}
	}
	wait := backoff.Wait(l.retries, firstRetry, lastRetry)
	l.retries++
	l.system.problem(problemEvents, m.err, append(fields, zap.Duration("retry_in", wait))...)
	l.system.scheduler.add(l.system.now()+wait, ctx.Self(), &subscribe{after: l.run})
}

// hintAtProxy returns what cuts connections after the same time; empty where they were not.
func hintAtProxy(before, lasted time.Duration) string {
	if seconds := lasted.Round(time.Second); seconds > 0 && seconds == before.Round(time.Second) {
		return fmt.Sprintf("cut after %v again: is that the timeout of a proxy or firewall in between?", seconds)
	}
	return ""
}

// resyncTimes spaces resyncs out. The zero value has seen none.
type resyncTimes struct {
	last, distance time.Duration
}

// next returns when a resync that is wanted now may be: now, unless others were not long ago.
func (r *resyncTimes) next(now time.Duration) time.Duration {
	if r.last == 0 || now-r.last > 2*r.distance {
		r.last, r.distance = now, firstResyncDistance
		return now
	}
	r.last = max(now, r.last+r.distance)
	r.distance = min(2*r.distance, lastResyncDistance)
	return r.last
}

func (l *listener) onPayload(ctx actor.Context, m *payloadArrived) {
	defer l.system.inFlight.release(len(m.Payload))
	defer m.forget()
	l.system.counters.events.Add(1)
	event, err := DecodeEvent(m.channel, m.Payload)
	if err != nil {
		l.onMalformed(m.channel, err, zap.Int("bytes", len(m.Payload)))
		return
	}
	l.system.logEvent(m.channel, event)
	l.route(ctx, event, m.at, m.prompt)
}

func (l *listener) onEvent(ctx actor.Context, m *eventPublished) {
	defer l.system.inFlight.release(0)
	defer m.forget()
	l.system.counters.events.Add(1)
	l.route(ctx, m.Event, m.at, false)
}

// route sends an event on. prompt says that it came after a lull.
func (l *listener) route(ctx actor.Context, event Event, at time.Duration, prompt bool) {
	system := l.system
	switch e := event.(type) {
	case StorageUpdate:
		system.inFlight.add(len(e.Path))
		ctx.Send(system.mapper, &storageChanged{StorageUpdate: e})
	case GroupUpdate, ShareCreated:
		l.mountsMayChange(ctx)
		l.push(ctx, at, &pushUser{user: event.concerns(), push: filePush, prompt: prompt})
	case ActivityAdded:
		l.push(ctx, at, &pushUser{user: e.User, push: activityPush, prompt: prompt})
	case NotificationChanged:
		l.mountsMayChange(ctx) // all that Nextcloud says about a share with a group
		l.push(ctx, at, &pushUser{user: e.User, push: notificationPush, prompt: prompt})
	case Custom:
		l.push(ctx, at, &pushUser{user: e.User, push: customPush(e.Text), prompt: prompt})
	case TokenIssued:
		system.sendAuth(&tokenIssued{TokenIssued: e})
	case TestCookie:
		system.testCookie.Store(e.Value)
	case LogLevelSet:
		if err := system.ports.Control.SetLogLevel(e.Spec); err != nil {
			l.onMalformed("notify_config", err)
		}
	case LogLevelRestored:
		system.ports.Control.RestoreLogLevel()
	case StatsRequested:
		system.ports.Control.PublishStats(system.Stats())
	case Reset:
		system.sendAuth(&loginsReset{})
		system.closeAll()
	}
}

func (l *listener) onMalformed(channel string, err error, fields ...zap.Field) {
	l.system.counters.malformed.Add(1)
	l.malformed.Warn(channel, append(fields, zap.Error(err))...)
}

// mountsMayChange sends the mapper that, in a flood of such events now and then.
func (l *listener) mountsMayChange(ctx actor.Context) {
	if now := l.system.now(); l.hintedAt == 0 || now-l.hintedAt >= hintInterval {
		l.hintedAt = now
		ctx.Send(l.system.mapper, &mountsMayChange{})
	}
}

func (l *listener) push(ctx actor.Context, at time.Duration, m *pushUser) {
	m.push = l.system.hooks.stamp(m.push, at)
	l.system.inFlight.add(len(m.push.frame))
	ctx.Send(l.system.registries[shardOf(m.user)], m)
}
