package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/notifypush/notifypush/actors"
)

const (
	// beatInterval is how often a node says that it lives.
	beatInterval = time.Second
	// silenceLimit is how long a node may be silent before it counts as gone.
	silenceLimit = 5 * time.Second
	// maxMembers bounds the nodes that are known, this one not counted.
	maxMembers = 63
	// maxSkew is by how much a message may be older, or younger, than this node's clock says: who writes to Redis
	// could say again later what a node once said.
	maxSkew = time.Minute
	// graveTime is how long the sequence of a node that is gone is kept, against the same.
	graveTime = 2 * maxSkew
)

// Member is another node of the fleet.
type Member struct {
	Node      string
	Version   string
	Since     time.Time // heard of
	LastHeard time.Time
	Ending    bool         // it lets its clients go
	Stats     actors.Stats // as of its last beat
	// AppVersion is the version of Nextcloud's app that it has learned; empty while it has not.
	AppVersion string
}

// member is a Member, alive or gone.
type member struct {
	Member
	sequence uint64
	clock    time.Duration // its own, when it was last heard
	beatAt   time.Time
	address  string         // where it can be asked without Redis; empty: nowhere
	users    map[string]int // their connections, as of its last beat
	gone     bool
}

// members knows the other nodes. It is a plain state machine, which is given the time.
type members struct {
	self  string
	known map[string]*member
	// heardSince is when this node began to hear others again: nobody is gone who could not be heard.
	heardSince time.Time
	deaf       bool
}

func newMembers(self string) *members {
	return &members{self: self, known: map[string]*member{}, deaf: true}
}

var (
	errReplayed = errors.New("the message has been heard before")
	errTooMany  = fmt.Errorf("more than %d nodes", maxMembers)
	errClock    = errors.New("the clocks of the nodes differ")
)

// news is what a message means beyond what it says.
type news struct {
	own    bool // the message is this node's
	joined bool // its node was not known
	missed bool // messages of its node have not been heard
}

// hear takes a message that carried the right MAC.
func (s *members) hear(m message, now time.Time) (news, error) {
	if m.Node == s.self {
		return news{own: true}, nil
	}
	if skew := now.Sub(m.SentAt); skew > maxSkew || skew < -maxSkew {
		return news{}, fmt.Errorf("%w: %s is %s off", errClock, m.Node, skew.Round(time.Second))
	}
	known := s.known[m.Node]
	switch {
	case known == nil && len(s.known) >= maxMembers && !s.forgetOneThatIsGone():
		return news{}, errTooMany
	case known == nil:
		known = &member{Member: Member{Node: m.Node, Since: now}, sequence: m.Sequence - 1, gone: true}
		s.known[m.Node] = known
	case m.Sequence <= known.sequence:
		return news{}, errReplayed
	}
	n := news{joined: known.gone, missed: m.Sequence > known.sequence+1}
	known.sequence, known.LastHeard, known.gone = m.Sequence, now, m.Kind == bye
	known.clock = m.Clock
	known.Ending = known.Ending || m.Kind == ending
	if known.gone {
		known.address = ""
	}
	if m.Version != "" {
		known.Version = m.Version
	}
	if m.Stats != nil {
		known.Stats, known.users, known.beatAt = *m.Stats, m.Users, now
		known.AppVersion, known.address = m.AppVersion, m.Address
	}
	return n, nil
}

// forgetOneThatIsGone makes room where nodes that start again and again have taken it all: it forgets the one that has been silent
// longest. It returns false where all are there.
func (s *members) forgetOneThatIsGone() bool {
	var first *member
	for _, m := range s.known {
		if m.gone && (first == nil || m.LastHeard.Before(first.LastHeard)) {
			first = m
		}
	}
	if first == nil {
		return false
	}
	delete(s.known, first.Node)
	return true
}

// subscribed is that this node hears others from now on, and lost that it does not.
func (s *members) subscribed(now time.Time) { s.deaf, s.heardSince = false, now }
func (s *members) lost()                    { s.deaf = true }

// expire returns the nodes that have been silent for too long.
func (s *members) expire(now time.Time) (gone []string) {
	for node, m := range s.known {
		since := m.LastHeard
		if s.heardSince.After(since) {
			since = s.heardSince
		}
		switch {
		case m.gone && now.Sub(m.LastHeard) > graveTime:
			delete(s.known, node)
		case !m.gone && !s.deaf && now.Sub(since) > silenceLimit:
			m.gone = true
			gone = append(gone, node)
		}
	}
	return gone
}

// addresses returns where some nodes can be asked without Redis, also those that have not been heard of late.
func (s *members) addresses(limit int) (some []string) {
	for _, m := range s.known {
		if m.address != "" && len(some) < limit {
			some = append(some, m.address)
		}
	}
	return some
}

// clocks returns for each node that is there a time of its own clock that is not after now.
func (s *members) clocks(now time.Time) map[string]time.Duration {
	clocks := make(map[string]time.Duration, len(s.known))
	for node, m := range s.known {
		if !m.gone {
			clocks[node] = m.clock + max(now.Sub(m.LastHeard), 0)
		}
	}
	return clocks
}

// counting yields the nodes whose last beat says what they have now: those that end let it go.
func (s *members) counting(now time.Time) iter.Seq[*member] {
	return func(yield func(*member) bool) {
		for _, m := range s.known {
			if !m.gone && !m.Ending && now.Sub(m.beatAt) < countsFor && !yield(m) {
				return
			}
		}
	}
}

// alone reports whether there are none.
func (s *members) alone() bool {
	for _, m := range s.known {
		if !m.gone {
			return false
		}
	}
	return true
}

// alive returns the nodes that are there, in order of their names.
func (s *members) alive() (alive []Member) {
	for _, m := range s.known {
		if !m.gone {
			alive = append(alive, m.Member)
		}
	}
	slices.SortFunc(alive, func(a, b Member) int { return cmp.Compare(a.Node, b.Node) })
	return alive
}
