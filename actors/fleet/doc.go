// Package fleet makes several servers of one Nextcloud know what the others know: which logins Nextcloud has
// verified, which tokens are used up, who sees which storage, and how many clients, connections of a user and logins in flight
// there are.
//
// They publish on one channel of the Redis that they all listen to anyway. Each message carries a MAC under a key that
// is never in Redis, so that who writes to Redis is not believed. A [Fleet] is the actors.Peers of a System:
//
//	peers, err := fleet.New(redis, fleet.Options{Key: key})
//	system, err := actors.New(actors.Ports{Peers: peers, …}, actors.Options{AuthKey: key, …})
//	system.Start()
//	go peers.Run(ctx, system)
package fleet
