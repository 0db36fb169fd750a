package swarm

import "github.com/notifypush/notifypush/loadtest/internal/wire"

// sequence tells from the numbers of the events that reach one client which are missing, came twice, or came late. The
// zero value expects number 0 of step 0.
type sequence struct {
	step    uint32
	next    uint32
	due     int64               // when the one before next was
	missing map[uint32]struct{} // below next; nil until something is missing
}

// maxMissing bounds what is remembered of one client. Beyond it a late event counts as a duplicate, and a test that loses
// this much has said what it had to say.
const maxMissing = 1 << 16

type arrival int

const (
	inOrder arrival = iota
	outOfOrder
	duplicate
	stale // of a step before the present one
)

// see takes the next event's stamp.
func (s *sequence) see(e wire.Stamp) arrival {
	switch {
	case e.Step < s.step:
		return stale
	case e.Step > s.step:
		*s = sequence{step: e.Step}
	}
	if e.Sequence >= s.next {
		s.miss(s.next, e.Sequence)
		s.next, s.due = e.Sequence+1, e.Due
		return inOrder
	}
	if _, late := s.missing[e.Sequence]; late {
		delete(s.missing, e.Sequence)
		return outOfOrder
	}
	return duplicate
}

// gap is events to one user that are missing in a row. They were due at equal intervals.
type gap struct {
	first, interval int64 // in µs since 1970, and in µs
	events          int
}

// before is the gap between the last event that was seen and e; it is empty when none is missing, or when nothing was seen before.
func (s *sequence) before(e wire.Stamp) gap {
	if e.Step != s.step || s.next == 0 || e.Sequence <= s.next {
		return gap{}
	}
	missing := int(e.Sequence - s.next)
	interval := max((e.Due-s.due)/int64(missing+1), 1)
	return gap{s.due + interval, interval, missing}
}

// due is how many of them were due from a time on, and before another.
func (g gap) due(from, until int64) int {
	before := func(at int64) int {
		if at <= g.first {
			return 0
		}
		return int(min((at-g.first-1)/g.interval+1, int64(g.events)))
	}
	return max(before(until)-before(from), 0)
}

func (s *sequence) miss(from, until uint32) {
	for n := from; n < until && len(s.missing) < maxMissing; n++ {
		if s.missing == nil {
			s.missing = map[uint32]struct{}{}
		}
		s.missing[n] = struct{}{}
	}
}
