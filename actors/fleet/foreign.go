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

// foreigners knows other Nextclouds. It is a plain state machine, which is given the time.
type foreigners struct {
	known map[string]Foreign
	// used are the prefixes with which events have come here.
	used []string
	// said are the last Nextcloud that was heard, this one included, and the last other than that.
	said [2]question
}

// hear notes another Nextcloud, and reports whether that is news.
func (s *foreigners) hear(e envelope, now time.Time) bool {
	s.note(e.Instance, now)
	before, isKnown := s.known[e.Instance]
	if !isKnown && len(s.known) >= maxForeign {
		return false
	}
	s.known[e.Instance] = Foreign{Instance: e.Instance, Prefixes: e.Prefixes}
	return !isKnown || !slices.Equal(before.Prefixes, e.Prefixes)
}

// use notes that events come with a prefix, and reports whether that is news.
func (s *foreigners) use(prefix string) bool {
	isNews := !slices.Contains(s.used, prefix)
	if isNews {
		s.used = append(s.used, prefix)
	}
	return isNews
}

// note that a Nextcloud was heard.
func (s *foreigners) note(instance string, now time.Time) {
	if s.said[0].instance != instance {
		s.said[1] = s.said[0]
	}
	s.said[0] = question{instance, now}
}

// asked notes that all are asked, and forgets those that do not answer.
func (s *foreigners) asked() {
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

// EventsHeard says with which prefix of channels an event has come. It may be called for each, and does not block.
func (f *Fleet) EventsHeard(prefix string) {
	f.mu.Lock()
	isNews := f.foreign.use(prefix)
	f.mu.Unlock()
	if isNews {
		signal(f.foreignNews)
	}
}

// question is what a server answers by saying who it is.
type question struct {
	instance string // of who asks
	at       time.Time
}

// onForeign takes what can be read of a message that another Nextcloud has sealed.
func (f *Fleet) onForeign(e envelope) {
	now := time.Now()
	f.mu.Lock()
	isNews := f.foreign.hear(e, now)
	f.mu.Unlock()
	if isNews {
		signal(f.foreignNews)
	}
	if e.Asks {
		f.onQuestion(question{e.Instance, now})
	}
}

func (f *Fleet) onQuestion(q question) {
	select {
	case f.questions <- q:
	default: // who asked before is being answered, which all hear
	}
}

// meetForeign answers servers of other Nextclouds, and logs that they hear this one's events. Where none are, it sleeps.
func (f *Fleet) meetForeign(ctx context.Context) {
	var again <-chan time.Time // nil while there are none
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-f.questions:
			f.answerQuestion(ctx, q)
			continue
		case <-f.foreignNews:
		case <-again:
			again = nil
			f.mu.Lock()
			f.foreign.asked()
			f.mu.Unlock()
			_, err := publishQuestion(ctx, f.bus, f.options)
			f.logFailure(ctx, err)
		}
		if f.logForeign() && again == nil {
			again = time.After(foreignInterval)
		}
	}
}

// logForeign logs which other Nextclouds hear this one's events, and reports whether some do.
func (f *Fleet) logForeign() bool {
	f.mu.Lock()
	sharing := f.foreign.sharing()
	f.mu.Unlock()
	if len(sharing) == 0 {
		return false
	}
	var instances []string
	for _, other := range sharing {
		instances = append(instances, other.Instance)
	}
	f.sharing.Warn("", zap.Strings("instances", instances), zap.String("advice", ForeignAdvice))
	return true
}

// answerQuestion says who this is, unless the one that asks is of another Nextcloud and has heard of one meanwhile: with
// hundreds of them at one Redis, not all answer.
func (f *Fleet) answerQuestion(ctx context.Context, q question) {
	if q.instance != f.options.Instance {
		if pause(ctx, rand.N(answerDelay)) != nil { //nolint:gosec // G404: it spreads answers
			return
		}
		f.mu.Lock()
		answered := f.foreign.knowsAnother(q)
		f.mu.Unlock()
		if answered {
			return
		}
	}
	f.mu.Lock()
	used := slices.Clone(f.foreign.used)
	f.mu.Unlock()
	_, _ = f.publish(ctx, message{Kind: here, Version: f.options.Version, Used: used})
	_ = pause(ctx, answerInterval)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
