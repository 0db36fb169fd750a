package fleet

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	// countsFor is how long what a beat says counts: a node that has just ended without a word does not hold its clients' places.
	countsFor = 2*beatInterval + beatInterval/2
	// crowdsTimeout is how long a beat waits for the registries.
	crowdsTimeout = time.Second
)

// crowds returns the connections of users of whom the others need to know: of those who have many here, or elsewhere.
func (f *Fleet) crowds(ctx context.Context, system System) map[string]int {
	f.mu.Lock()
	named := map[string]struct{}{}
	for m := range f.members.counting(time.Now()) {
		for user := range m.users {
			named[user] = struct{}{}
		}
	}
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, crowdsTimeout)
	defer cancel()
	crowds, _ := system.Crowds(ctx, slices.Collect(maps.Keys(named))) // without an answer there is nothing to say
	if len(crowds) <= maxUsers {
		return crowds
	}
	users := slices.SortedFunc(maps.Keys(crowds), func(a, b string) int { return cmp.Compare(crowds[b], crowds[a]) })
	for _, user := range users[maxUsers:] {
		delete(crowds, user)
	}
	return crowds
}

// ConnectionsElsewhere implements actors.Peers.
func (f *Fleet) ConnectionsElsewhere(user string) (connections int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for m := range f.members.counting(time.Now()) {
		connections += m.users[user]
	}
	return connections
}

// LoginShare implements actors.Peers. It is a fair share of the limit, or what this node said last that it has and a fair share
// of what nobody then had: so all together stay below the limit, also when all begin at once.
func (f *Fleet) LoginShare(limit int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	nodes, left := 1, limit-f.saidInFlight
	for m := range f.members.counting(time.Now()) {
		nodes++
		left -= int(min(m.Stats.LoginsInFlight, math.MaxInt32)) //nolint:gosec // G115: it fits.
	}
	if nodes == 1 {
		return limit
	}
	return max(limit/nodes, f.saidInFlight+left/nodes)
}
