package actors

import (
	"context"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// settleMounts is when a user who gained something is looked at again: Nextcloud writes a new
	// mount down only when that user comes next, most likely because of the push.
	settleMounts = 30 * time.Second
	// More than maxGained users are not looked at one by one: everything cached is out of date then.
	maxGained = 1000
)

func (m *mapper) onUserGained(ctx actor.Context, user string) {
	m.lookAtUser(ctx, user)
	settled := m.system.now() + settleMounts
	switch _, known := m.toBeReminded[user]; {
	case known:
	case len(m.toBeReminded) < maxGained:
		m.toBeReminded[user] = struct{}{}
		m.system.calendar.add(settled, ctx.Self(), &userSettled{user})
	case !m.allReminded:
		m.allReminded = true
		m.system.calendar.add(settled, ctx.Self(), &allSettled{})
	}
}

func (m *mapper) lookAtUser(ctx actor.Context, user string) {
	switch {
	case slices.Contains(m.gained, user):
	case len(m.gained) < maxGained:
		m.gained = append(m.gained, user)
	default:
		m.freshFrom = m.system.now()
	}
	m.queryUser(ctx)
}

// queryUser asks for the mounts of the next user.
func (m *mapper) queryUser(ctx actor.Context) {
	if m.askingUser || len(m.gained) == 0 {
		return
	}
	user := m.gained[0]
	m.gained = m.gained[1:]
	m.askingUser = true
	m.system.counters.mappingQueries.Add(1)
	m.askDatabase(ctx,
		func(limited context.Context) ([]Mount, error) {
			return m.system.ports.Mounts.MountsOfUser(limited, user)
		},
		func(mounts []Mount, err error) any { return &userMountsFound{m, user, mounts, err} })
}

// onUserMountsFound adds the user to what is cached. What the user has lost stays until its time
// is over: being told of one's former files does less harm than not being told of new ones.
func (m *mapper) onUserMountsFound(ctx actor.Context, found *userMountsFound) {
	if found.asker != m {
		return
	}
	m.askingUser = false
	m.onAnswer(ctx, found.err)
	if found.err != nil {
		m.freshFrom = m.system.now() // for what the user gained may be in any storage
	}
	for _, mount := range found.mounts {
		if users, known := m.cache.Peek(mount.Storage); known {
			m.remember(mount.Storage, users.with(mount))
		}
	}
	m.queryUser(ctx)
}
