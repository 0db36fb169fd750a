package actors

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/internal/logthrottle"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The neighbours that can fail, as they are named in Problems.
const (
	problemEvents = "redis"
	problemMounts = "database"
	problemLogins = "nextcloud"
)

const (
	// maxTold bounds the lines that one outage may put into the log.
	maxTold = 8
	// maxFolds bounds the lines that are remembered as repeating over outages.
	maxFolds = 64
)

// problems are what is wrong with the neighbours now.
type problems struct {
	mu    sync.Mutex
	now   map[string]*outage
	folds map[string]*logthrottle.Line // a neighbour that comes and goes makes an outage of every login
}

// outage is how long one neighbour can't be used.
type outage struct {
	reason string   // the last
	told   []string // the reasons that were logged
}

// set notes a problem and reports whether it is news.
func (p *problems) set(what string, err error) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		p.now = map[string]*outage{}
	}
	o := p.now[what]
	if o == nil {
		o = &outage{}
		p.now[what] = o
	}
	o.reason = errtext.Detail(err)
	text := err.Error() // which varies less
	if news = len(o.told) < maxTold && !slices.Contains(o.told, text); news {
		o.told = append(o.told, text)
	}
	return news
}

func (p *problems) has(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now[what] != nil
}

func (p *problems) clear(what string) (was bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, was = p.now[what]
	delete(p.now, what)
	return was
}

// fold returns the throttle of a line about a reason.
func (p *problems) fold(log *zap.Logger, line, reason string) *logthrottle.Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.folds[line+reason]
	if f == nil {
		if p.folds == nil || len(p.folds) >= maxFolds {
			p.folds = map[string]*logthrottle.Line{}
		}
		f = logthrottle.New(log, time.Second, line, "")
		p.folds[line+reason] = f
	}
	return f
}

// Problems says what is wrong with the neighbours now, by name ("redis", "database", "nextcloud") and
// in words. It is empty when all is well.
func (s *System) Problems() map[string]string {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	now := map[string]string{}
	for what, o := range s.problems.now {
		now[what] = o.reason
	}
	return now
}

// problem notes what is wrong, and logs each reason once an outage, and once a second.
func (s *System) problem(what string, err error, fields ...zap.Field) {
	if err == nil {
		err = errors.New("ended without an error")
	}
	if s.problems.set(what, err) {
		detail := errtext.Detail(err)
		s.problems.fold(s.log, what+" is not available", detail).Log(zapcore.ErrorLevel, "", append(fields, zap.String("error", detail))...)
	}
}

func (s *System) solved(what string) {
	if what == problemEvents {
		s.hearing.Do(func() { close(s.heard) })
	}
	if s.problems.clear(what) {
		s.problems.fold(s.log, what+" is available", "").Log(zapcore.InfoLevel, "")
	}
}
