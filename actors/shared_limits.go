package actors

import (
	"context"
	"maps"
)

// LimitsPeers has limits hold for all servers together. Its methods are called from actors, often, and must not block.
type LimitsPeers interface {
	// ConnectionsElsewhere returns how many connections of a user the other servers have, as far as they have said.
	ConnectionsElsewhere(user string) int
	// LoginShare returns how many logins of a limit that all servers have together this one may have at Nextcloud.
	LoginShare(limit int) int
}

// crowdPart says from which part of Options.MaxConnectionsPerUser on the connections of a user are worth telling.
const crowdPart = 16

// crowdFrom is from how many connections on a user is a crowd: without any there is no server on which the limit could be near.
func (s *System) crowdFrom() int { return max(s.options.Load().MaxConnectionsPerUser/crowdPart, 1) }

// connectionsElsewhere returns how many connections a user has at other servers.
func (s *System) connectionsElsewhere(user string) int {
	if s.ports.Peers == nil {
		return 0
	}
	return s.ports.Peers.ConnectionsElsewhere(user)
}

// Crowds returns the connections of users who have a sixteenth of Options.MaxConnectionsPerUser or more, and of those named who
// have any. Other servers need to know of them.
func (s *System) Crowds(ctx context.Context, named []string) (map[string]int, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	byShard := [shards][]string{}
	for _, user := range named {
		byShard[shardOf(user)] = append(byShard[shardOf(user)], user)
	}
	answers := make(chan map[string]int, shards)
	for i, pid := range s.registries {
		s.root.Send(pid, &countCrowds{named: byShard[i], answer: answers})
	}
	crowds := map[string]int{}
	for range shards {
		answer, err := await(ctx, s, answers)
		if err != nil {
			return nil, err
		}
		maps.Copy(crowds, answer)
	}
	return crowds, nil
}

// onCountCrowds answers from what noteCrowd has noted.
func (r *registry) onCountCrowds(m *countCrowds) {
	crowds := make(map[string]int, len(r.crowds)+len(m.named))
	for user := range r.crowds {
		crowds[user] = r.users[user].connections
	}
	for _, user := range m.named {
		if u := r.users[user]; u != nil {
			crowds[user] = u.connections
		}
	}
	m.answer <- crowds
}

// noteCrowd notes how many connections a user has now.
func (r *registry) noteCrowd(user string, connections int) {
	if r.system.ports.Peers != nil && connections >= r.system.crowdFrom() {
		r.crowds[user] = struct{}{}
	} else {
		delete(r.crowds, user)
	}
}

// concurrency is how many logins Nextcloud may be asked about at once from here; 0 is no limit.
func (l *logins) concurrency() int {
	most := *l.options.AuthConcurrency
	if most == 0 || l.share == nil {
		return most
	}
	return max(l.share(most), 1)
}
