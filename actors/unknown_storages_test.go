package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// change notes events of storages every five minutes for a time, and returns when that is over.
func (u *unknownStorages) change(from, lasting time.Duration, first, storages uint64, mounted bool) (end time.Duration) {
	for end = from; end <= from+lasting; end += 5 * time.Minute {
		for i := range storages {
			u.note(first+i, mounted, end)
		}
	}
	return end
}

func TestUnknownStorages(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*unknownStorages) (now time.Duration)
		want    int
	}{
		"all are mounted": {func(u *unknownStorages) time.Duration { return u.change(time.Hour, 5*time.Hour, 1, 500, true) }, 0},
		"a thousand users are deleted at night": {func(u *unknownStorages) time.Duration {
			return u.change(time.Hour, 5*time.Minute, 1, 1000, false)
		}, 0},
		"five hundred are new, and mounted a little later": {func(u *unknownStorages) time.Duration {
			now := u.change(time.Hour, 15*time.Minute, 1, 500, false)
			return u.change(now, time.Minute, 1, 500, true)
		}, 0},
		"a few that nobody has mounted": {func(u *unknownStorages) time.Duration {
			return u.change(time.Hour, 5*time.Hour, 1, minUnknown-1, false)
		}, 0},
		"as many as are mounted": {func(u *unknownStorages) time.Duration {
			u.change(time.Hour, 30*time.Minute, 1, 20, true)
			return u.change(time.Hour, 30*time.Minute, 100, 20, false)
		}, 0},
		"those of another Nextcloud": {func(u *unknownStorages) time.Duration {
			u.change(time.Hour, 30*time.Minute, 1, 19, true)
			return u.change(time.Hour, 30*time.Minute, 100, 20, false)
		}, 20},
		"it is gone": {func(u *unknownStorages) time.Duration {
			now := u.change(time.Hour, 30*time.Minute, 100, 20, false)
			return u.change(now, 2*time.Hour, 1, 1, true)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var u unknownStorages
			u.note(1, true, test.happens(&u)+lookInterval)
			require.Equal(t, test.want, u.count)
		})
	}
	var u unknownStorages
	u.change(time.Hour, time.Hour, 1, 100_000, false)
	require.LessOrEqual(t, len(u.seen), maxSeen)
}
