package swarm

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	push "github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// Roster says who the clients are and where they go.
type Roster struct {
	// Endpoints are where websockets are: one, or several to which clients go in turn, on to the next where nobody listens.
	Endpoints []Endpoint
	// Clients is their number; client i of a worker is client first + i×stride of all, so that workers share the users evenly.
	Clients       int
	First, Stride int
	// PerUser is how many clients each user has.
	PerUser int
	// FileIDs has them ask for the ids of changed files.
	FileIDs bool
	// RedisURL, when set, has them log in with pre-auth tokens that are published there, and TokenPrefix keeps those of several
	// workers apart. Fetch, when set, says what else they log in with; it works in this process only, and may be called concurrently.
	// Without either they log in with name and password.
	RedisURL, TokenPrefix string
	Fetch                 func(index int, user string) (*Credentials, error) `json:"-"`
	// Backoff is the first window in which a client comes back, as in [push.Backoff].
	Backoff time.Duration
}

// Endpoint is where a server takes websockets.
type Endpoint struct {
	Address netip.AddrPort
	Path    string
}

func (e Endpoint) handshake(header http.Header) []byte {
	return wire.Handshake(e.Address, e.Path, header)
}

// MaxEndpoints is how many there may be.
const MaxEndpoints = 100

// clientSet is the clients of one process, with what they share. Its methods must not be called concurrently, but for those that clients
// call: nextEndpoint, watch, localAddress, fetch, retryLater and leaveRamp.
type clientSet struct {
	// set once
	roster   Roster
	requests [][]byte // of a handshake, by endpoint
	record   *recorder
	buffers  sync.Pool
	poller   poller
	polled   chan struct{} // closed when the poller has ended
	tokens   *tokens       // nil when they log in with something else
	system   *actor.ActorSystem
	clients  []*actor.PID

	fetching sync.WaitGroup // of credentials

	// owned by the caller
	started int // so many of clients have been asked to connect
	churn   context.CancelFunc
	churned sync.WaitGroup

	// atomic
	turn    atomic.Uint32 // of the endpoints
	ramp    atomic.Pointer[ramp]
	closed  atomic.Bool
	failure atomic.Pointer[error] // the first panic of a client, or the poller's error
}

const (
	readBuffer = 64 << 10
	throughput = 300 // messages that an actor handles before it lets others run
)

func newClientSet(roster Roster) (*clientSet, error) {
	if err := checkFileLimit(roster.Clients); err != nil {
		return nil, err
	}
	poller, err := newPoller()
	if err != nil {
		return nil, err
	}
	s := &clientSet{
		roster:  roster,
		record:  newRecorder(roster.Clients),
		buffers: sync.Pool{New: func() any { b := make([]byte, readBuffer); return &b }},
		poller:  poller,
		polled:  make(chan struct{}),
		churn:   func() {},
		system: actor.NewActorSystem(actor.WithDeadLetterRequestLogging(false),
			actor.WithDeadLetterThrottleInterval(time.Millisecond), // a goroutine lives as long
			actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })),
	}
	s.turn.Store(uint32(roster.First))
	for _, e := range roster.Endpoints {
		s.requests = append(s.requests, e.handshake(nil))
	}
	s.spawn()
	go s.poll()
	if roster.RedisURL != "" {
		if s.tokens, err = newTokens(roster.RedisURL, roster.TokenPrefix); err != nil {
			s.close()
			return nil, err
		}
		s.roster.Fetch = s.tokens.fetch
	}
	return s, nil
}

// otherFiles are those that a process has open besides its clients' sockets.
const otherFiles = 40

func checkFileLimit(clients int) error {
	limit, err := process.FileLimit()
	if err == nil && uint64(clients+otherFiles) > limit {
		err = fmt.Errorf("%d clients need as many open files, and this process may have %d: raise the limit (ulimit -n), or spread the clients over several processes", clients, limit)
	}
	return err
}

// spawn makes the clients. They share their Props, which cost more than an actor.
func (s *clientSet) spawn() {
	clients := make([]client, s.roster.Clients)
	next := 0
	props := actor.PropsFromProducer(func() actor.Actor { c := &clients[next]; next++; return c },
		actor.WithDispatcher(actor.NewSynchronizedDispatcher(throughput)),
		actor.WithGuardian(actor.NewOneForOneStrategy(0, 0, func(reason any) actor.Directive {
			s.fail(fmt.Errorf("simulated client failed: %v", reason))
			return actor.StopDirective
		})))
	for i := range clients {
		clients[i] = client{
			set:     s,
			index:   int32(i),
			user:    int32((s.roster.First + i*s.roster.Stride) / s.roster.PerUser),
			backoff: push.Backoff{Base: s.roster.Backoff},
		}
		s.clients = append(s.clients, s.system.Root.Spawn(props))
	}
}

// fail makes what was measured worthless.
func (s *clientSet) fail(err error) { s.failure.CompareAndSwap(nil, &err) }

func (s *clientSet) poll() {
	defer close(s.polled)
	root := s.system.Root
	if err := s.poller.run(func(index int32, ended bool) { root.Send(s.clients[index], ready{ended}) }); err != nil {
		s.fail(err)
	}
}

func (s *clientSet) watch(fd int, index int32) error { return s.poller.watch(fd, index) }

// nextEndpoint is whose turn it is.
func (s *clientSet) nextEndpoint() int8 {
	return int8((s.turn.Add(1) - 1) % uint32(len(s.roster.Endpoints)))
}

// localAddress is where a client connects from; the zero value leaves it to the system. Several addresses in turn have ports for more
// than 28,000 clients of one server.
func (s *clientSet) localAddress(index int32, to netip.Addr) netip.Addr {
	const addresses = 32
	if !to.IsLoopback() || !to.Is4() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + index%addresses)})
}

// fetch fetches the credentials of a client in a goroutine, because clients must not block.
func (s *clientSet) fetch(client *actor.PID, index, user int32) {
	s.fetching.Go(func() {
		credentials, err := s.roster.Fetch(int(index), wire.UserName(user))
		s.system.Root.Send(client, fetched{credentials, err})
	})
}

// retryLater has a client connect again, unless the set is closed by then.
func (s *clientSet) retryLater(wait time.Duration, index int32) {
	time.AfterFunc(wait, func() {
		if !s.closed.Load() {
			s.system.Root.Send(s.clients[index], retry{})
		}
	})
}

func (s *clientSet) send(clients []*actor.PID, message any) {
	for _, c := range clients {
		s.system.Root.Send(c, message)
	}
}

// ramp lets clients connect, so many at once and so many a second.
type ramp struct {
	inFlight chan struct{} // one for each that is connecting
	cancel   context.CancelFunc
	done     chan struct{}
}

// startRamp lets the next n clients connect: at most inFlight at once (0: all), at most rate a second (0: as fast as they can).
func (s *clientSet) startRamp(n, inFlight int, rate float64, what connect) {
	s.stopRamp()
	clients := s.clients[s.started:min(s.started+n, len(s.clients))]
	s.started += len(clients)
	if inFlight <= 0 {
		inFlight = len(clients)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &ramp{inFlight: make(chan struct{}, inFlight), cancel: cancel, done: make(chan struct{})}
	s.ramp.Store(r)
	go func() {
		defer close(r.done)
		begun := time.Now()
		for i, c := range clients {
			if rate > 0 && clock.WaitFor(ctx, begun, i, rate) != nil {
				return
			}
			select {
			case r.inFlight <- struct{}{}:
				s.system.Root.Send(c, what)
			case <-ctx.Done():
				return
			}
		}
	}()
}

// leaveRamp lets the next client connect in place of one that is connected, or has failed.
func (s *clientSet) leaveRamp() {
	select {
	case <-s.ramp.Load().inFlight:
	default: // its ramp has ended
	}
}

func (s *clientSet) stopRamp() {
	if r := s.ramp.Load(); r != nil {
		r.cancel()
		<-r.done
	}
}

// startChurn has so many of the connected clients a second leave and come back after about that time, until stopChurn. They do so in
// turn, because a client that is away cannot leave.
func (s *clientSet) startChurn(rate float64, away time.Duration) {
	clients := s.clients[:s.started]
	if len(clients) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.churn = cancel
	s.churned.Go(func() {
		order, begun := Shuffled(len(clients)), time.Now()
		for i := 1; clock.WaitFor(ctx, begun, i, rate) == nil; i++ {
			s.system.Root.Send(clients[order[i%len(order)]], visit{away})
		}
	})
}

func (s *clientSet) stopChurn() {
	s.churn()
	s.churned.Wait()
}

// Shuffled is a fixed order of n users or clients without a pattern.
func Shuffled(n int) []int { return rand.New(rand.NewPCG(1, 2)).Perm(n) }

// close ends all clients.
func (s *clientSet) close() {
	s.closed.Store(true)
	s.stopChurn()
	s.stopRamp()
	s.send(s.clients, leave{})
	s.poller.close()
	<-s.polled
	s.fetching.Wait()
	if s.tokens != nil && s.tokens.redis != nil {
		s.tokens.redis.Close()
	}
	for _, c := range s.clients {
		s.system.Root.Stop(c)
	}
	s.system.Shutdown()
}
