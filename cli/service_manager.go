package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

const (
	// statusTime is how often the service manager's view is brought up to date.
	statusTime = time.Second
	// latestReady is when the server is called ready although something that it needs is missing: others wait for it at boot.
	latestReady = 30 * time.Second
	// watchdogProbe is how long the actors and the reading of sockets may take to show that they make progress.
	watchdogProbe = 5 * time.Second
)

// serviceManager reports to systemd: READY once events are received, or after a while without, STATUS in words, and WATCHDOG as
// long as probe finds progress. Without systemd it does nothing. One goroutine uses it.
type serviceManager struct {
	log      *zap.Logger
	notify   func(state string) (sent bool)
	begun    time.Time
	ready    bool
	status   string
	watchdog time.Duration // how often systemd wants to hear; 0 is never
	heard    time.Time
}

func newServiceManager(log *zap.Logger) *serviceManager {
	interval, _ := systemd.SdWatchdogEnabled(false)
	notify := func(state string) bool {
		sent, _ := systemd.SdNotify(false, state)
		return sent
	}
	return &serviceManager{log: log, notify: notify, begun: time.Now(), watchdog: interval / 2}
}

// wait reports that the server cannot begin yet.
func (m *serviceManager) wait(reason error) {
	m.report("waiting: "+onOneLine(reason.Error()), false)
	m.notify(systemd.SdNotifyWatchdog)
}

// run reports what is missing until ctx ends.
func (m *serviceManager) run(ctx context.Context, problems func() map[string]string, probe func(context.Context) error) {
	if !m.notify("STATUS=starting") {
		return
	}
	ticker := time.NewTicker(statusTime)
	defer ticker.Stop()
	for {
		now := problems()
		_, deaf := now["redis"]
		m.report(describeProblems(now), !deaf)
		m.feedWatchdog(ctx, probe)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			m.notify(systemd.SdNotifyStopping)
			return
		}
	}
}

func (m *serviceManager) report(status string, ready bool) {
	if !m.ready && (ready || time.Since(m.begun) >= latestReady) {
		m.ready = m.notify(systemd.SdNotifyReady)
	}
	if status != m.status {
		m.notify("STATUS=" + status)
		m.status = status
	}
}

func (m *serviceManager) feedWatchdog(ctx context.Context, probe func(context.Context) error) {
	if m.watchdog == 0 || time.Since(m.heard) < m.watchdog {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, watchdogProbe)
	defer cancel()
	if err := probe(ctx); err != nil {
		m.log.Error("no progress", zap.Error(err))
		return
	}
	m.notify(systemd.SdNotifyWatchdog)
	m.heard = time.Now()
}

// describeProblems says in one line what is missing.
func describeProblems(problems map[string]string) string {
	if len(problems) == 0 {
		return "serving"
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		lines = append(lines, name+": "+problems[name])
	}
	return onOneLine(strings.Join(lines, "; "))
}
