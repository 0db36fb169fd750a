package actors

import "time"

const (
	// A storage counts as unknown when nobody has mounted it, and files have changed in it over a span of unknownSpan at
	// least: new storages are mounted by then, and nothing happens any more in those of users who were deleted.
	unknownSpan = 10 * time.Minute
	// minUnknown is how many there must be, and more than those that somebody has mounted.
	minUnknown = 10
	// seenTime is how long a storage is kept in which no file changes, and maxSeen bounds those that are.
	seenTime, maxSeen = time.Hour, 2048
	// lookInterval is how often they are counted.
	lookInterval = time.Minute
)

// unknownStorages finds out that most storages in which files change are none of this Nextcloud's: another one publishes on the
// same channels. It is a plain state machine, which is given the time. The zero value has seen none.
type unknownStorages struct {
	seen     map[uint64]seenStorage
	lookedAt time.Duration
	count    int // of unknown storages, where those are most; else 0
}

type seenStorage struct {
	first, last time.Duration // when a file changed
	mounted     bool
}

// note takes an event of a storage, and returns whether the storages were counted anew.
func (u *unknownStorages) note(storage uint64, mounted bool, now time.Duration) (counted bool) {
	if u.seen == nil {
		u.seen = map[uint64]seenStorage{}
	}
	s, isSeen := u.seen[storage]
	if isSeen || len(u.seen) < maxSeen {
		if !isSeen || s.mounted && !mounted { // it may be back as another one's
			s.first = now
		}
		s.last, s.mounted = now, mounted
		u.seen[storage] = s
	}
	if now-u.lookedAt < lookInterval {
		return false
	}
	u.look(now)
	return true
}

// staleAt is when to look at the latest where no file changes any more; 0 is never.
func (u *unknownStorages) staleAt() time.Duration {
	if u.count == 0 {
		return 0
	}
	return u.lookedAt + seenTime + lookInterval
}

func (u *unknownStorages) look(now time.Duration) {
	u.lookedAt = now
	unknown, mounted := 0, 0
	for storage, s := range u.seen {
		switch {
		case now-s.last > seenTime:
			delete(u.seen, storage)
		case s.mounted:
			mounted++
		case s.last-s.first >= unknownSpan:
			unknown++
		}
	}
	if u.count = unknown; unknown < minUnknown || unknown <= mounted {
		u.count = 0
	}
}

// UnknownStorages returns in how many storages that nobody has mounted files have changed in the last hour, where those are
// more than the others; else 0. Then another Nextcloud publishes on the same channels of Redis.
func (s *System) UnknownStorages() int { return int(s.unknownStorages.Load()) }
