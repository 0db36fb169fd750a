package actors

import "time"

const (
	// A push to all users of a storage is work for up to thousands of connections, whose outboxes would
	// coalesce it with the next one anyway. So the users of a storage in which one file after another
	// changes are sent the next push after burstTime for each of them. At some 3 µs a user and push, that is
	// 2 % of a core.
	burstTime = 150 * time.Microsecond
	// minBurst is the least, and a maxBurstPart of the debounce time, which comes on top, is the most.
	minBurst, maxBurstPart = 50 * time.Millisecond, 4
)

// burst is what the users of a storage are sent next. There is one from when they were sent a push
// until that time went by without an event.
type burst struct {
	due   time.Duration
	users *storageUsers // as the last event found them
	files map[string]*fileIDs
}

// maxBurst returns the most that a burst lasts where two pushes are that far apart at most.
func maxBurst(debounce time.Duration) time.Duration { return max(minBurst, debounce/maxBurstPart) }

func (b *burst) add(e StorageUpdate, users *storageUsers) {
	b.users = users
	if b.files == nil {
		b.files = make(map[string]*fileIDs, 1)
	}
	for _, r := range users.roots {
		if !covers(r.root, e.Path) {
			continue
		}
		if b.files[r.root] == nil {
			b.files[r.root] = &fileIDs{}
		}
		b.files[r.root].add(e.FileID)
	}
}

// take returns what has changed below which root since the last time, and the users then.
func (b *burst) take() (*storageUsers, map[string]*fileIDs) {
	users, files := b.users, b.files
	b.users, b.files = nil, nil
	return users, files
}
