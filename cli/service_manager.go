package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/notifypush/notifypush/actors"
	"go.uber.org/zap"
)

const (
	// statusTime is how often the service manager's view is brought up to date.
	statusTime = time.Second
	// watchdogProbe is how long the actors may take to show that they make progress.
	watchdogProbe = 5 * time.Second
)

// serviceManager tells systemd how things stand: READY once events are being received, STATUS in
// words, and WATCHDOG as long as the actors make progress. Without systemd it does nothing.
type serviceManager struct {
	system   *actors.System
	log      *zap.Logger
	ready    bool
	status   string
	watchdog time.Duration // how often systemd wants to hear; 0 is never
	heard    time.Time
}

func newServiceManager(system *actors.System, log *zap.Logger) *serviceManager {
	interval, _ := systemd.SdWatchdogEnabled(false)
	return &serviceManager{system: system, log: log, watchdog: interval / 2}
}

func (m *serviceManager) run(ctx context.Context) {
	if sent, _ := systemd.SdNotify(false, "STATUS=starting"); !sent {
		return
	}
	ticker := time.NewTicker(statusTime)
	defer ticker.Stop()
	for {
		m.tell()
		m.feedWatchdog(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			_, _ = systemd.SdNotify(false, systemd.SdNotifyStopping)
			return
		}
	}
}

func (m *serviceManager) tell() {
	problems := m.system.Problems()
	if _, deaf := problems["redis"]; !deaf && !m.ready {
		m.ready, _ = systemd.SdNotify(false, systemd.SdNotifyReady)
	}
	if status := describeProblems(problems); status != m.status {
		_, _ = systemd.SdNotify(false, "STATUS="+status)
		m.status = status
	}
}

func (m *serviceManager) feedWatchdog(ctx context.Context) {
	if m.watchdog == 0 || time.Since(m.heard) < m.watchdog {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, watchdogProbe)
	defer cancel()
	if err := m.system.Probe(ctx); err != nil {
		m.log.Error("no progress", zap.Error(err))
		return
	}
	_, _ = systemd.SdNotify(false, systemd.SdNotifyWatchdog)
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
	return strings.ReplaceAll(strings.Join(lines, "; "), "\n", " ")
}
