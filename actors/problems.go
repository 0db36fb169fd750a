package actors

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/internal/logthrottle"
	"go.uber.org/zap"
)

// dependency is a port that can fail.
type dependency int

const (
	problemEvents dependency = iota
	problemMounts
	problemLogins
	dependencies
)

// portNames returns the names of ports in logs and in Problems. Those for Redis, the database and Nextcloud say theirs
// themselves.
func portNames(ports Ports) [dependencies]string {
	names := [dependencies]string{"events", "mounts", "verifier"}
	for what, port := range [dependencies]any{ports.Events, ports.Mounts, ports.Verifier} {
		if named, ok := port.(interface{ Name() string }); ok {
			names[what] = named.Name()
		}
	}
	return names
}

// outageLines are what the log says at the beginning of an outage, at each of its reasons and once a minute
// while it lasts, and at its end; all at warn, so that who sees the one sees the other.
var outageLines = [dependencies]struct{ lost, back string }{
	problemEvents: {"lost connection to %s", "reconnected to %s"},
	problemMounts: {"lost connection to %s", "reconnected to %s"},
	problemLogins: {"%s is not available", "%s is available"},
}

const (
	// maxReasons bounds the lines that the reasons of one outage may put into the log.
	maxReasons = 8
	// reminder is the time between two lines of an outage that lasts.
	reminder = time.Minute
	// maxLines bounds the lines that are remembered as repeating over outages.
	maxLines = 64
)

// problems are what is wrong with the dependencies now. It is safe for concurrent use.
type problems struct {
	mu sync.Mutex // guards the rest

	now   [dependencies]*outage        // nil where there is none
	lines map[string]*logthrottle.Line // a dependency that comes and goes makes an outage of every login
}

// outage is the time in which one dependency can't be used.
type outage struct {
	reason   string        // the last
	logged   []string      // the reasons that were logged
	since    time.Duration // of the system's clock, as is lastLine
	lastLine time.Duration
	failures int // since the last line
}

// set notes a failure and returns how many there were since the last line, this one included, or 0 when there is
// nothing to log: its reason was, less than a minute ago.
func (p *problems) set(what dependency, err error, now time.Duration) (failures int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.now[what]
	if o == nil {
		o = &outage{since: now}
		p.now[what] = o
	}
	o.reason = errtext.Detail(err)
	o.failures++
	text := err.Error() // which varies less
	isNew := len(o.logged) < maxReasons && !slices.Contains(o.logged, text)
	if isNew {
		o.logged = append(o.logged, text)
	}
	if !isNew && now-o.lastLine < reminder {
		return 0
	}
	failures, o.failures, o.lastLine = o.failures, 0, now
	return failures
}

func (p *problems) has(what dependency) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now[what] != nil
}

// clear ends an outage, and returns when it began and whether its beginning was logged.
func (p *problems) clear(what dependency) (since time.Duration, logged bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.now[what]; o != nil {
		since, logged = o.since, len(o.logged) > 0
	}
	p.now[what] = nil
	return since, logged
}

// line returns the throttle of a line about a reason.
func (p *problems) line(log *zap.Logger, text, reason string) *logthrottle.Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.lines[text+reason]
	if line == nil {
		if p.lines == nil || len(p.lines) >= maxLines {
			p.lines = map[string]*logthrottle.Line{}
		}
		line = logthrottle.New(log, time.Second, text, "")
		p.lines[text+reason] = line
	}
	return line
}

// Problems says what is wrong with the dependencies now, by name and in words: "redis", "database" and
// "nextcloud", or what a port's method Name() string says, or "events", "mounts" and "verifier". It is empty when all is well.
func (s *System) Problems() map[string]string {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	now := map[string]string{}
	for what, o := range s.problems.now {
		if o != nil {
			now[s.names[what]] = o.reason
		}
	}
	return now
}

// Hears reports whether events are received now: the EventSource is subscribed.
func (s *System) Hears() bool { return !s.problems.has(problemEvents) }

// problem notes what is wrong, and logs each reason once an outage, and one line a minute while it lasts.
func (s *System) problem(what dependency, err error, fields ...zap.Field) {
	if err == nil {
		err = errors.New("ended without an error")
	}
	if failures := s.problems.set(what, err, s.now()); failures > 0 {
		detail := errtext.Detail(err)
		fields = append(fields, zap.String("error", detail), zap.Int("failures", failures))
		s.problems.line(s.log, fmt.Sprintf(outageLines[what].lost, s.names[what]), detail).Warn("", fields...)
	}
}

func (s *System) solved(what dependency) {
	if what == problemEvents {
		s.hearing.Do(func() { close(s.heard) })
	}
	if since, logged := s.problems.clear(what); logged {
		s.problems.line(s.log, fmt.Sprintf(outageLines[what].back, s.names[what]), "").Warn("", zap.Duration("after", (s.now()-since).Round(time.Millisecond)))
	}
}
