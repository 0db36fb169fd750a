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

// dueBefore is how many of the events between the last that was seen and e were due before a time. Those to one user are due at equal
// intervals.
func (s *sequence) dueBefore(e wire.Stamp, at int64) int {
	if e.Step != s.step || s.next == 0 || e.Sequence <= s.next || at <= s.due {
		return 0
	}
	missing := int64(e.Sequence - s.next)
	interval := max((e.Due-s.due)/(missing+1), 1)
	return int(min((at-s.due)/interval, missing))
}

func (s *sequence) miss(from, until uint32) {
	for n := from; n < until && len(s.missing) < maxMissing; n++ {
		if s.missing == nil {
			s.missing = map[uint32]struct{}{}
		}
		s.missing[n] = struct{}{}
	}
}
