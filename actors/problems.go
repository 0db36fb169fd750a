package actors

import (
	"errors"
	"maps"
	"sync"

	"go.uber.org/zap"
)

// The neighbours that can fail, as they are named in Problems.
const (
	problemEvents = "redis"
	problemMounts = "database"
)

// problemShutdown is what is wrong while the server goes down.
const problemShutdown = "shutdown"

// problems are what is wrong with the neighbours now.
type problems struct {
	log *zap.Logger
	mu  sync.Mutex
	now map[string]string
}

// set notes a problem and reports whether it is news.
func (p *problems) set(what string, err error) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		p.now = map[string]string{}
	}
	news = p.now[what] != err.Error()
	p.now[what] = err.Error()
	return news
}

func (p *problems) clear(what string) (was bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, was = p.now[what]
	delete(p.now, what)
	return was
}

// Problems says what is wrong with the neighbours now, by name ("redis", "database", "shutdown") and in words.
// It is empty when all is well.
func (s *System) Problems() map[string]string {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	now := maps.Clone(s.problems.now)
	if s.stopping.Load() {
		now[problemShutdown] = ErrShutDown.Error()
	}
	return now
}

// problem notes what is wrong, and logs it when it is not what was wrong before.
func (s *System) problem(what string, err error, fields ...zap.Field) {
	if err == nil {
		err = errors.New("ended without an error")
	}
	if s.problems.set(what, err) {
		s.log.Error(what+" is not available", append(fields, zap.Error(err))...)
	}
}

func (s *System) solved(what string) {
	if s.problems.clear(what) {
		s.log.Info(what + " is available")
	}
}
