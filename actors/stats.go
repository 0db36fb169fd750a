package actors

import (
	"reflect"
	"sync/atomic"
)

// Stats are the counters at one moment. Those named after what is there now go up and down;
// the others only up.
type Stats struct {
	ActiveConnections uint64
	ActiveUsers       uint64
	TotalConnections  uint64
	MappingQueries    uint64
	EventsReceived    uint64
	EventsMalformed   uint64
	EventsExpired     uint64 // given up because the database did not answer in time
	Resyncs           uint64 // reconnects to Redis after a gap
	Logins            Logins
	LoginsWaiting     uint64        // for their turn at Nextcloud, now; the same credentials count once
	LoginsInFlight    uint64        // at Nextcloud, now, rechecks included
	MessagesSent      [kinds]uint64 // by Kind
	Closed            [closeReasons]uint64
	ActorFailures     uint64
	DeadLetters       uint64
	HooksDropped      uint64 // calls of Hooks
}

// Logins counts where the answer to a login came from.
type Logins struct {
	Token     uint64 // a pre-authenticated token
	Cached    uint64 // a login that Nextcloud had verified before
	Nextcloud uint64 // Nextcloud was asked
	Rechecked uint64 // Nextcloud was asked later about one that was cached
	Refused   uint64 // by whomever
}

// AllMessagesSent sums MessagesSent.
func (s Stats) AllMessagesSent() (sum uint64) {
	for _, n := range s.MessagesSent {
		sum += n
	}
	return sum
}

// Plus returns the sums of both.
func (s Stats) Plus(other Stats) Stats {
	sum, add := reflect.ValueOf(&s).Elem(), reflect.ValueOf(other)
	addCounters(sum, add)
	return s
}

// addCounters adds numbers, and those in structs and arrays of them.
func addCounters(sum, add reflect.Value) {
	switch sum.Kind() {
	case reflect.Struct:
		for i := range sum.NumField() {
			addCounters(sum.Field(i), add.Field(i))
		}
	case reflect.Array:
		for i := range sum.Len() {
			addCounters(sum.Index(i), add.Index(i))
		}
	default:
		sum.SetUint(sum.Uint() + add.Uint())
	}
}

// counters are the living Stats, counted by many actors at once.
type counters struct {
	activeConnections, activeUsers, totalConnections atomic.Int64
	mappingQueries                                   atomic.Int64
	events, malformed, expired, resyncs              atomic.Int64
	tokenLogins, cachedLogins, nextcloudLogins       atomic.Int64
	refusedLogins, rechecks                          atomic.Int64
	loginsWaiting, loginsInFlight                    atomic.Int64
	sent                                             [kinds]atomic.Int64
	closed                                           [closeReasons]atomic.Int64
	failures, deadLetters, hooksDropped              atomic.Int64
}

func (c *counters) snapshot() Stats {
	s := Stats{
		ActiveConnections: load(&c.activeConnections),
		ActiveUsers:       load(&c.activeUsers),
		TotalConnections:  load(&c.totalConnections),
		MappingQueries:    load(&c.mappingQueries),
		EventsReceived:    load(&c.events),
		EventsMalformed:   load(&c.malformed),
		EventsExpired:     load(&c.expired),
		Resyncs:           load(&c.resyncs),
		Logins: Logins{
			Token:     load(&c.tokenLogins),
			Cached:    load(&c.cachedLogins),
			Nextcloud: load(&c.nextcloudLogins),
			Rechecked: load(&c.rechecks),
			Refused:   load(&c.refusedLogins),
		},
		LoginsWaiting:  load(&c.loginsWaiting),
		LoginsInFlight: load(&c.loginsInFlight),
		ActorFailures:  load(&c.failures),
		DeadLetters:    load(&c.deadLetters),
		HooksDropped:   load(&c.hooksDropped),
	}
	for i := range c.sent {
		s.MessagesSent[i] = load(&c.sent[i])
	}
	for i := range c.closed {
		s.Closed[i] = load(&c.closed[i])
	}
	return s
}

// load reads a counter, which is never below zero.
func load(counter *atomic.Int64) uint64 { return uint64(max(counter.Load(), 0)) }
