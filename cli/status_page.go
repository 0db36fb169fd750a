package cli

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/backoff"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport/monitor"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

// redisQuestionTime is how often Redis is asked something, to see how long that takes.
const redisQuestionTime = time.Minute

// latencies are how long dependencies took over their last answers, by name. The zero value is empty, and safe for
// concurrent use.
type latencies struct {
	mu   sync.Mutex
	last map[string]monitor.Latency
}

func (l *latencies) note(name string, asked time.Time) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[string]monitor.Latency{}
	}
	l.last[name] = monitor.Latency{Took: now.Sub(asked), At: now}
}

func (l *latencies) all() map[string]monitor.Latency {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.last)
}

// timedMounts and timedVerifier note how long answers take. Errors are no answers, but for a refusal.
type timedMounts struct {
	*storage.Mounts
	latencies *latencies
}

func (t timedMounts) MountsOfStorages(ctx context.Context, storages []uint64) ([]actors.Mount, error) {
	asked := time.Now()
	mounts, err := t.Mounts.MountsOfStorages(ctx, storages)
	if err == nil {
		t.latencies.note("database", asked)
	}
	return mounts, err
}

type timedVerifier struct {
	*nextcloud.Client
	latencies *latencies
}

func (t timedVerifier) Verify(ctx context.Context, credentials actors.Credentials) (actors.Identity, error) {
	asked := time.Now()
	identity, err := t.Client.Verify(ctx, credentials)
	if err == nil || errors.Is(err, actors.ErrInvalidCredentials) {
		t.latencies.note("nextcloud", asked)
	}
	return identity, err
}

// askRedis asks Redis now and then, until ctx ends.
func (i *instance) askRedis(ctx context.Context) {
	for {
		i.askRedisOnce(ctx)
		if !backoff.Pause(ctx.Done(), backoff.Jitter(redisQuestionTime)) {
			return
		}
	}
}

func (i *instance) askRedisOnce(ctx context.Context) {
	asked := time.Now()
	if _, _, err := i.redis.Get(ctx, monitor.KeyMetrics); err == nil {
		i.latencies.note("redis", asked)
	}
}

// source is what the operators' pages read.
func (i *instance) source() monitor.Source {
	return monitor.Source{
		Version: Version(), Stats: i.system.Stats, Problems: i.problems, Dependencies: dependencies, NewcomerProblems: i.newcomers.problems,
		Warning: i.warning, Probe: i.probe,
	}
}

// status is what the status page shows and can do.
func (i *instance) status(adminToken func() actors.Secret) *monitor.Status {
	return &monitor.Status{
		System: i.system, History: i.history, Log: i.log.Logger, Started: i.began,
		AppVersion: i.version.Known, Latencies: i.latencies.all, Servers: i.otherServers,
		Throttled: i.websocket.Throttled, ClearRateLimit: i.websocket.ClearRateLimit,
		LogLevel: i.log.name,
		SetLogLevel: func(spec string) error {
			if spec == "" {
				i.log.RestoreLogLevel()
				return nil
			}
			return i.log.SetLogLevel(spec)
		},
		Drain: i.drain, AdminToken: adminToken,
	}
}

// guard protects the operators' listener. This machine's own name is known.
func (d *daemon) guard() monitor.Guard {
	guard := monitor.Guard{Hosts: d.settings.Monitor.Hosts, AdminToken: d.adminToken, Token: func() actors.Secret { return d.monitored.Load().Token }}
	if name, err := os.Hostname(); err == nil {
		guard.Hosts = append(slices.Clone(guard.Hosts), name)
	}
	return guard
}
