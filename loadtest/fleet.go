package loadtest

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	push "github.com/notifypush/notifypush/client"
)

// roster says who the clients of one process are and where they go.
type roster struct {
	// Address and Path are the websocket endpoint.
	Address netip.AddrPort
	Path    string
	// Clients is their number; client i of this process is client First + i×Stride of all, so that processes share the
	// users evenly.
	Clients, First, Stride int
	// PerUser is how many clients each user has.
	PerUser int
	// FileIDs has them ask for the ids of changed files.
	FileIDs bool
	// RedisURL, when set, has them log in with pre-auth tokens that are published there, and TokenPrefix keeps those of
	// several processes apart; otherwise they log in with name and password.
	RedisURL, TokenPrefix string
	// Backoff is the first window in which a client comes back, as in [push.Backoff].
	Backoff time.Duration
}

// fleet is the clients of one process, with what they share.
type fleet struct {
	roster  roster
	request []byte
	counts  *counts
	buffers sync.Pool
	poller  *poller
	polled  chan struct{} // closed when the poller has ended
	tokens  *tokens       // nil when they log in with passwords

	system  *actor.ActorSystem
	clients []*actor.PID
	dialed  int // so many of clients have been told to dial

	ramp    atomic.Pointer[ramp]
	churn   context.CancelFunc
	churned sync.WaitGroup
	closed  atomic.Bool
	failure atomic.Pointer[error] // the first panic of a client: the figures are worth nothing then
}

const (
	readBuffer = 64 << 10
	throughput = 300 // messages that an actor handles before it lets others run
)

func newFleet(roster roster) (*fleet, error) {
	if err := checkFileLimit(roster.Clients); err != nil {
		return nil, err
	}
	poller, err := newPoller()
	if err != nil {
		return nil, err
	}
	f := &fleet{
		roster:  roster,
		request: handshake(roster.Address, roster.Path),
		counts:  newCounts(roster.Clients),
		buffers: sync.Pool{New: func() any { b := make([]byte, readBuffer); return &b }},
		poller:  poller,
		polled:  make(chan struct{}),
		churn:   func() {},
	}
	f.system = actor.NewActorSystem(actor.WithDeadLetterRequestLogging(false),
		actor.WithDeadLetterThrottleInterval(time.Millisecond), // a goroutine lives as long
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	if roster.RedisURL != "" {
		if f.tokens, err = newTokens(roster.RedisURL, roster.TokenPrefix, f.system.Root, roster.Clients); err != nil {
			poller.close()
			f.system.Shutdown()
			return nil, err
		}
	}
	f.spawn()
	go f.poll()
	return f, nil
}

// otherFiles are those that a process has open besides its clients' sockets.
const otherFiles = 40

func checkFileLimit(clients int) error {
	limit, err := fileLimit()
	if err == nil && uint64(clients+otherFiles) > limit {
		err = fmt.Errorf("%d clients need as many open files, and this process may have %d: raise the limit (ulimit -n), or spread the clients over several processes", clients, limit)
	}
	return err
}

// spawn makes the clients. They share their Props, which cost more than an actor.
func (f *fleet) spawn() {
	clients := make([]client, f.roster.Clients)
	next := 0
	props := actor.PropsFromProducer(func() actor.Actor { c := &clients[next]; next++; return c },
		actor.WithDispatcher(actor.NewSynchronizedDispatcher(throughput)),
		actor.WithGuardian(actor.NewOneForOneStrategy(0, 0, f.onPanic)))
	for i := range clients {
		clients[i] = client{
			fleet:   f,
			index:   int32(i),
			user:    int32((f.roster.First + i*f.roster.Stride) / f.roster.PerUser),
			backoff: push.Backoff{Base: f.roster.Backoff},
		}
		f.clients = append(f.clients, f.system.Root.Spawn(props))
	}
}

func (f *fleet) onPanic(reason any) actor.Directive {
	err := fmt.Errorf("a simulated client failed: %v", reason)
	f.failure.CompareAndSwap(nil, &err)
	return actor.StopDirective
}

func (f *fleet) poll() {
	defer close(f.polled)
	root := f.system.Root
	f.poller.run(func(index int32, ended bool) { root.Send(f.clients[index], ready{ended}) })
}

// localAddresses are taken in turn, so that there are ports for more than 28,000 clients of one server.
const localAddresses = 32

// local is where a client connects from; the zero value leaves it to the system.
func (f *fleet) local(index int32) netip.Addr {
	if to := f.roster.Address.Addr(); !to.IsLoopback() || !to.Is4() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + index%localAddresses)})
}

// later has a client try again, unless the fleet is closed until then.
func (f *fleet) later(wait time.Duration, index int32) {
	time.AfterFunc(wait, func() {
		if !f.closed.Load() {
			f.system.Root.Send(f.clients[index], retry{})
		}
	})
}

// tellAll sends the same to every client.
func (f *fleet) tellAll(message any) {
	for _, c := range f.clients {
		f.system.Root.Send(c, message)
	}
}

// stall has the first n clients stop reading.
func (f *fleet) stall(n int) {
	for _, c := range f.clients[:min(n, len(f.clients))] {
		f.system.Root.Send(c, stall{})
	}
}

// startChurn has so many a second of the clients that are connected leave and come back after about that time, until stopChurn.
// They do so in turn, for who is away cannot leave.
func (f *fleet) startChurn(perSecond float64, away time.Duration) {
	clients := f.clients[:f.dialed]
	if len(clients) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.churn = cancel
	f.churned.Go(func() {
		order, begun := shuffled(len(clients)), time.Now()
		for i := 1; waitForTurn(ctx, begun, i, perSecond) == nil; i++ {
			f.system.Root.Send(clients[order[i%len(order)]], visit{away})
		}
	})
}

func (f *fleet) stopChurn() {
	f.churn()
	f.churned.Wait()
}

// close ends all clients without a word to the server.
func (f *fleet) close() {
	f.closed.Store(true)
	f.stopChurn()
	f.stopRamp()
	f.tellAll(leave{})
	f.poller.close()
	<-f.polled
	if f.tokens != nil {
		f.tokens.close()
	}
	for _, c := range f.clients {
		f.system.Root.Stop(c)
	}
	f.system.Shutdown()
}
