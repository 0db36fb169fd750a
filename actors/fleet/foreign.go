package fleet

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	// maxForeign bounds the other Nextclouds that are known.
	maxForeign = 16
	// foreignInterval is how often they are asked for, as long as they hear this Nextcloud's channels, and
	// maxUnanswered how often one may not answer before it counts as gone.
	foreignInterval, maxUnanswered = 10 * time.Minute, 2
	// foreignLogInterval is how often the log says so.
	foreignLogInterval = time.Hour
	// Who asks is answered within answerDelay by some of many servers, each at most once in answerInterval.
	answerDelay, answerInterval = 300 * time.Millisecond, time.Second
)

// ForeignAdvice says what to do about another Nextcloud that hears the same channels.
const ForeignAdvice = "Give each Nextcloud a Redis server of its own for push (notify_push_redis in config.php): dbindex does not separate channels. Or have the app put dbindex before their names, and set --redis-channel-prefix (docs/hosting.md)."

// Foreign is another Nextcloud that has push servers at the same Redis. Nothing shows that what it says is true: who can
// write to Redis can say it.
type Foreign struct {
	Instance   string   // the instanceid of its config.php
	Prefixes   []string // with which its servers hear the names of channels
	unanswered int      // questions since it was heard
}

// question is what a server answers by saying who it is.
type question struct {
	instance string // of who asks
	at       time.Time
}

// foreigners knows other Nextclouds, and decides when to answer them, to ask for them and to log them. It is a plain state
// machine, which is given the time.
type foreigners struct {
	own   string
	known map[string]Foreign
	used  []string // prefixes with which events have come here
	// said are the last Nextcloud that was heard, this one included, and the last other than that.
	said [2]question

	isNew    bool      // to be logged
	pending  *question // the first that is not answered
	answerAt time.Time
	quiet    time.Time // no answer before
	askAt    time.Time // zero while none hears the events
}

func newForeigners(own string) foreigners { return foreigners{own: own, known: map[string]Foreign{}} }

// hear notes another Nextcloud, and reports whether something is to be done.
func (s *foreigners) hear(e envelope, now time.Time) bool {
	s.note(e.Instance, now)
	before, isKnown := s.known[e.Instance]
	if isKnown || len(s.known) < maxForeign {
		s.known[e.Instance] = Foreign{Instance: e.Instance, Prefixes: e.Prefixes}
		s.isNew = s.isNew || !isKnown || !slices.Equal(before.Prefixes, e.Prefixes)
	}
	if e.Asks {
		s.ask(e.Instance, now, rand.N(answerDelay)) //nolint:gosec // G404: it spreads answers
	}
	return s.isNew || e.Asks
}

// note that a Nextcloud was heard.
func (s *foreigners) note(instance string, now time.Time) {
	if s.said[0].instance != instance {
		s.said[1] = s.said[0]
	}
	s.said[0] = question{instance, now}
}

// ask notes a question, unless another one will be answered, which all hear.
func (s *foreigners) ask(instance string, now time.Time, delay time.Duration) {
	if s.pending != nil {
		return
	}
	s.pending = &question{instance, now}
	s.answerAt = now.Add(delay)
	if s.quiet.After(s.answerAt) {
		s.answerAt = s.quiet
	}
}

// use notes that events come with a prefix, and reports whether that is new.
func (s *foreigners) use(prefix string) bool {
	if slices.Contains(s.used, prefix) {
		return false
	}
	s.used = append(s.used, prefix)
	s.isNew = true
	return true
}

// foreignStep is what a step has done.
type foreignStep struct {
	answer, ask bool      // to publish
	log         []Foreign // who is to be logged
	next        time.Time // of the next step; zero is none
}

// step does what is due.
func (s *foreigners) step(now time.Time) (due foreignStep) {
	if s.pending != nil && !now.Before(s.answerAt) {
		// With hundreds of Nextclouds at one Redis, not all answer one that has heard of another meanwhile.
		due.answer = s.pending.instance == s.own || !s.knowsAnother(*s.pending)
		if s.pending = nil; due.answer {
			s.quiet = now.Add(answerInterval)
		}
	}
	due.ask = !s.askAt.IsZero() && !now.Before(s.askAt)
	if due.ask {
		s.countUnanswered()
	}
	sharing := s.sharing()
	switch {
	case len(sharing) == 0:
		s.askAt = time.Time{}
	case due.ask || s.askAt.IsZero():
		s.askAt = now.Add(foreignInterval)
	}
	if s.isNew || due.ask {
		due.log = sharing
	}
	s.isNew = false
	if due.next = s.askAt; s.pending != nil && (due.next.IsZero() || s.answerAt.Before(due.next)) {
		due.next = s.answerAt
	}
	return due
}

// countUnanswered is that all are asked again. Those that do not answer are forgotten.
func (s *foreigners) countUnanswered() {
	for instance, f := range s.known {
		if f.unanswered++; f.unanswered > maxUnanswered {
			delete(s.known, instance)
		} else {
			s.known[instance] = f
		}
	}
}

// sharing returns those whose servers hear what comes here, in order of their names.
func (s *foreigners) sharing() []Foreign { return Sharing(s.used, s.all()) }

func (s *foreigners) all() (all []Foreign) {
	for _, f := range s.known {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Foreign) int { return cmp.Compare(a.Instance, b.Instance) })
	return all
}

// knowsAnother reports whether who asked has heard of another Nextcloud than its own since then.
func (s *foreigners) knowsAnother(q question) bool {
	return slices.ContainsFunc(s.said[:], func(said question) bool { return said.instance != q.instance && said.at.After(q.at) })
}

// Sharing returns those of others whose servers hear channels by names with which events come here.
func Sharing(used []string, others []Foreign) (sharing []Foreign) {
	for _, f := range others {
		if slices.ContainsFunc(f.Prefixes, func(prefix string) bool { return slices.Contains(used, prefix) }) {
			sharing = append(sharing, f)
		}
	}
	return sharing
}

// Foreign returns other Nextclouds whose servers hear the events that come here: those are exchanged, tokens of logins
// included.
func (f *Fleet) Foreign() []Foreign {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.foreign.sharing()
}

// ForgetForeign has other Nextclouds count no more until they are heard again: events come from elsewhere now.
func (f *Fleet) ForgetForeign() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.foreign = newForeigners(f.options.Instance)
}

// EventsHeard says with which prefix of channels an event has come. It may be called for each, and does not block.
func (f *Fleet) EventsHeard(prefix string) {
	f.mu.Lock()
	isNew := f.foreign.use(prefix)
	f.mu.Unlock()
	if isNew {
		f.foreignNews.Set()
	}
}

// onForeign takes what can be read of a message that another Nextcloud has sealed.
func (f *Fleet) onForeign(e envelope) {
	f.mu.Lock()
	isDue := f.foreign.hear(e, time.Now())
	f.mu.Unlock()
	if isDue {
		f.foreignNews.Set()
	}
}

// onQuestion takes one of who has the same secret, and is no node.
func (f *Fleet) onQuestion() {
	f.mu.Lock()
	f.foreign.ask(f.options.Instance, time.Now(), 0)
	f.mu.Unlock()
	f.foreignNews.Set()
}

// meetForeign answers servers of other Nextclouds, asks for them, and logs that they hear this one's events. It returns what says
// when to do so again; nil is never.
func (f *Fleet) meetForeign(ctx context.Context) <-chan time.Time {
	f.mu.Lock()
	now := time.Now()
	due := f.foreign.step(now)
	used := slices.Clone(f.foreign.used)
	f.mu.Unlock()
	if due.answer {
		_, _ = f.publish(ctx, message{Kind: here, Version: f.options.Version, Used: used})
	}
	if due.ask {
		_, err := publishQuestion(ctx, f.bus, f.options)
		f.logFailure(ctx, err)
	}
	if len(due.log) > 0 {
		var instances []string
		for _, other := range due.log {
			instances = append(instances, other.Instance)
		}
		f.sharing.Warn("", zap.Strings("instances", instances), zap.String("advice", ForeignAdvice))
	}
	if due.next.IsZero() {
		return nil
	}
	return time.After(due.next.Sub(now))
}
