package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/internal/signal"
)

// connectionsPerSecond is how fast many connections are closed or refreshed, so that neither this
// server nor Nextcloud sees a wave.
const connectionsPerSecond = 100

// Ports are what a System needs from outside.
type Ports struct {
	Verifier Verifier    // the only one that is required
	Events   EventSource // nil: events come from Publish alone
	Mounts   Mounts      // nil: nobody sees any storage, so no StorageUpdate reaches anybody
	Control  Control     // nil: log levels and requests for counters are ignored
	Hooks    *Hooks      // nil: nobody is told
	Peers    Peers       // nil: this server is the only one of its Nextcloud
}

// System is the actor system of a push server: it logs clients in, holds their connections, and
// pushes to them what Nextcloud publishes. Several may run in one process. All methods are safe
// for concurrent use; actors must not call them, because some wait. After an error of one call the next may work,
// but for ErrShutDown, which is for good.
type System struct {
	// set by New
	ports   Ports
	options atomic.Pointer[Options] // complete; Reconfigure replaces them
	log     *zap.Logger
	authKey []byte

	// set by Start
	runtime    *actor.ActorSystem
	root       *actor.RootContext
	top        *actor.PID
	listener   *actor.PID
	mapper     *actor.PID
	auth       *actor.PID
	registries [shards]*actor.PID
	shared     *runtimeState
	wheel      *wheel
	scheduler  *scheduler
	release    func()

	// safe for concurrent use
	ctx             context.Context // ends when the connections are closed
	cancel          context.CancelFunc
	down            chan struct{} // closed when everything is
	emptied         signal.Signal // set when the last connection or user ends, from the beginning of Shutdown on
	inFlight        *inFlight
	callbacks       callbacks
	running         sync.WaitGroup // connections, and goroutines of spawnWorker
	problems        problems
	counters        counters
	hooks           *hooks // nil where there is none
	names           [dependencies]string
	progress        [stations]progress
	testCookie      atomic.Uint32
	everSubscribed  atomic.Bool
	unknownStorages atomic.Int64  // UnknownStorages
	heard           chan struct{} // closed when events are heard for the first time
	hearing         sync.Once
	starting        sync.Once
	began           atomic.Bool // Start is through
	stopping        atomic.Bool
	drained         atomic.Bool
	stoppingUsers   atomic.Int64 // removed from a registry, and not yet gone
	runs            atomic.Uint64
	started         time.Time
}

// New checks ports and options and returns a System that Start will start.
func New(ports Ports, options Options) (*System, error) {
	if ports.Verifier == nil {
		return nil, errors.New("actors: Ports.Verifier is nil; it says who a client is, and is the one port that is required")
	}
	options, err := options.completed()
	if err != nil {
		return nil, err
	}
	s := &System{ports: ports, log: options.Logger, authKey: options.AuthKey,
		down: make(chan struct{}), emptied: signal.New(), heard: make(chan struct{})}
	s.options.Store(&options)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.inFlight = newInFlight(s.ctx.Done())
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.names = portNames(ports)
	s.hooks = newHooks(s, ports.Hooks)
	if s.authKey == nil {
		s.authKey = make([]byte, 32)
		_, _ = rand.Read(s.authKey) // cannot fail
	}
	if ports.Events == nil {
		s.ports.Events = noEvents{}
		s.solved(problemEvents)
	} else {
		s.problems.now[problemEvents] = &outage{reason: "not subscribed yet"}
	}
	if ports.Mounts == nil {
		s.ports.Mounts = noMounts{}
	}
	if ports.Control == nil {
		s.ports.Control = noControl{}
	}
	return s, nil
}

// ErrNotStarted is returned by what needs the actors before Start.
var ErrNotStarted = errors.New("the server has not started")

// Start starts the actors, and with them the subscription. A second call does nothing: what was shut
// down stays so.
func (s *System) Start() { s.starting.Do(s.start) }

func (s *System) start() {
	s.started = time.Now().Add(-time.Second) // so that now is never 0
	runtime, letGo := hostOrOwn(s.options.Load().ActorSystem, s)
	s.runtime = runtime
	s.root = s.runtime.Root
	s.shared = runtimeStateOf(runtime)
	s.shared.workers.join()
	s.wheel = &wheel{system: s}
	s.scheduler = newScheduler(s)
	if s.hooks != nil {
		go s.hooks.run()
	}
	s.spawnTop()
	unwatch := s.shared.deadLetters.watch(s)
	s.release = func() { unwatch(); s.shared.workers.leave(); letGo() }
	s.began.Store(true)
}

// usable returns why nothing can be sent to the actors, nil where it can.
func (s *System) usable() error {
	switch {
	case !s.began.Load():
		return ErrNotStarted
	case s.stopping.Load():
		return ErrShutDown
	default:
		return nil
	}
}

// now is the time since some fixed moment; it is never 0.
func (s *System) now() time.Duration { return time.Since(s.started) }

// at is when a time of day comes; 0 for the zero time.
func (s *System) at(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(s.now()+time.Until(t), 1)
}

// earliest returns the first of times, of which 0 is never.
func earliest(times ...time.Duration) (first time.Duration) {
	for _, at := range times {
		if first == 0 || at > 0 && at < first {
			first = at
		}
	}
	return first
}

// nextRun numbers subscriptions, over all incarnations of the listener.
func (s *System) nextRun() uint64 { return s.runs.Add(1) }

// spawnWorker runs work that may block in a goroutine that Shutdown waits for.
func (s *System) spawnWorker(work func()) {
	s.running.Go(work)
}

// Authenticate says who a client is, or why not: ErrInvalidCredentials, ErrNotStarted, ErrShutDown,
// ctx's error, or what went wrong with Nextcloud. It waits for its turn at Nextcloud as long as ctx lasts, and
// for Nextcloud's answer for Options.AuthTimeout at most.
func (s *System) Authenticate(ctx context.Context, credentials Credentials) (*Login, error) {
	var login *Login
	answer := make(chan error, 1)
	abandon := s.AuthenticateFunc(ctx, credentials, func(who *Login, err error) {
		login = who
		answer <- err
	})
	select {
	case err := <-answer:
		return login, err
	case <-ctx.Done():
		abandon()
		return nil, ctx.Err()
	case <-s.ctx.Done():
		return nil, ErrShutDown
	}
}

// AuthenticateFunc is Authenticate for a caller that does not wait. done is called once with what Authenticate would return, perhaps
// before AuthenticateFunc returns, usually from an actor: it must neither block nor panic. Of ctx only the values count. abandon says
// that nobody waits any more: done may still be called while abandon runs, but not afterwards.
func (s *System) AuthenticateFunc(ctx context.Context, credentials Credentials, done func(*Login, error)) (abandon func()) {
	if !s.began.Load() {
		done(nil, ErrNotStarted)
		return func() {}
	}
	question := &authenticate{Credentials: &credentials, callback: s.callbacks.add(done), onAnswer: credentials.OnAnswer, values: ctx}
	if question.callback == nil {
		done(nil, ErrShutDown)
		return func() {}
	}
	credentials.OnAnswer = nil
	if mayAsk := credentials.MayAsk; mayAsk != nil {
		credentials.MayAsk = func() error { return s.guarded("MayAsk", mayAsk) }
	}
	if s.hooks != nil {
		question.name, question.askedAt = credentials.Login, s.now()
	}
	s.sendAuth(question)
	return func() {
		question.isAbandoned.Store(true)
		question.callback.drop() // auth does not answer every question that is abandoned
		s.sendAuth(&abandoned{by: question})
	}
}

// Attach makes a socket a connection of the user that logged in, and sends "authenticated" to it
// as the first frame. From then on the socket is the connection's. Where Attach returns an error,
// ErrTooManyConnections, ErrDrained, ErrNotStarted, ErrShutDown or that of an internal failure, the
// socket is still the caller's.
func (s *System) Attach(login *Login, socket Socket) error {
	answer := make(chan error, 1)
	s.AttachFunc(login, socket, func(err error) { answer <- err })
	return <-answer
}

// AttachFunc is Attach for a caller that does not wait. done is called once with what Attach would return, perhaps before AttachFunc
// returns, usually from an actor, and after Socket.Serve where there is no error: it must neither block nor panic.
func (s *System) AttachFunc(login *Login, socket Socket, done func(error)) {
	if err := s.usable(); err != nil {
		done(err)
		return
	}
	if login == nil || login.User == "" {
		done(errors.New("actors: Attach needs a Login with a user; take that of Authenticate, or name the user in its Identity"))
		return
	}
	if m, ok := socket.(*MessageSocket); socket == nil || ok && (m == nil || m.transport == nil) {
		done(errors.New("actors: Attach needs a Socket, and a MessageSocket its MessageTransport"))
		return
	}
	callback := s.callbacks.add(func(_ *Login, err error) {
		if err != nil && s.stopping.Load() {
			err = ErrShutDown // which may be why the user failed
		}
		done(err)
	})
	if callback == nil {
		done(ErrShutDown)
		return
	}
	s.root.Send(s.registries[shardOf(login.User)], &attach{login: login, socket: socket, callback: callback})
}

// Publish hands over an event as if it had come from the EventSource. It waits while the system
// has enough to do already, and refuses an event that names no user, or whose texts are too long or not
// UTF-8.
func (s *System) Publish(ctx context.Context, event Event) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := checkEvent(event); err != nil {
		return err
	}
	if err := s.inFlight.acquire(ctx, 0); err != nil {
		return err
	}
	s.root.Send(s.listener, &eventPublished{Event: event, at: s.hooks.eventTime()})
	return nil
}

// Stats returns the counters.
func (s *System) Stats() Stats { return s.counters.snapshot() }

// TestCookie returns the last TestCookie event's value; 0 before the first.
func (s *System) TestCookie() uint32 { return s.testCookie.Load() }

// CountUsers returns how often all of a storage is seen: by how many users, and by one who sees it
// at several places as often, because the app's self test counts so. It asks Mounts, not the cache.
func (s *System) CountUsers(ctx context.Context, storage uint64) (int, error) {
	mounts, err := s.ReadMounts(ctx, []uint64{storage})
	if err != nil {
		return 0, err
	}
	users := 0
	for _, mount := range mounts {
		if mount.Root == "" {
			users++
		}
	}
	return users, nil
}

// cutOffTime is how long Shutdown waits for what it has cut off.
const cutOffTime = time.Second

// Shutdown closes all connections, spread over Options.DrainTimeout where there are many, then
// stops the actors and waits for everything that was started. When ctx ends first, what is left is
// cut off at once; a port that goes on nevertheless is left behind after a second, and its goroutine is
// what the error tells of. A second call waits for the first one, and one before Start has nothing to do.
func (s *System) Shutdown(ctx context.Context) error {
	if !s.began.Load() {
		return nil
	}
	if !s.stopping.Swap(true) {
		go func() { _ = s.guarded("shutdown", func() error { s.shutDown(ctx); return nil }) }()
	}
	select {
	case <-s.down:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-s.down:
		return nil
	case <-time.After(cutOffTime):
		return fmt.Errorf("shut down: a port has not returned: %w", context.Cause(ctx))
	}
}

func (s *System) shutDown(ctx context.Context) {
	defer close(s.down)
	s.drain(ctx)
	s.cancel()
	s.stopTop()
	s.scheduler.stop()
	s.wheel.stop()
	s.callbacks.close(ErrShutDown) // no actor is left that could answer
	s.running.Wait()
	s.hooks.close()
	s.release()
}

// drain closes the connections and waits until they are gone or ctx ends.
func (s *System) drain(ctx context.Context) {
	within := s.spread(*s.options.Load().DrainTimeout)
	s.sendRegistries(&closeAll{reason: ShuttingDown, within: within})
	timeout := time.After(within + time.Second)
	for s.counters.activeConnections.Load() > 0 || s.counters.activeUsers.Load() > 0 || s.stoppingUsers.Load() > 0 {
		select {
		case <-s.emptied:
		case <-timeout:
			return
		case <-ctx.Done():
			return
		}
	}
}

// spread returns how long something that concerns all connections may take, at most limit.
func (s *System) spread(limit time.Duration) time.Duration {
	return min(limit, time.Duration(s.counters.activeConnections.Load())*time.Second/connectionsPerSecond)
}

func (s *System) sendRegistries(message any) {
	for _, pid := range s.registries {
		s.root.Send(pid, message)
	}
}

func (s *System) sendRegistryOf(user string, message any) {
	s.root.Send(s.registries[shardOf(user)], message)
}

func (s *System) sendAuth(message any) { s.root.Send(s.auth, message) }

// closed counts and logs the end of a connection.
func (s *System) closed(reason CloseReason, login *Login) {
	s.counters.closed[reason.known()].Add(1)
	if line := s.log.Check(zap.DebugLevel, "connection ended"); line != nil {
		line.Write(zap.Stringer("reason", reason), zap.String("user", login.User))
	}
}

// CountRefusal counts the end of a socket that never became a connection.
func (s *System) CountRefusal(reason CloseReason) { s.counters.closed[reason.known()].Add(1) }

// countEnd counts the end of a connection, or of a user, and wakes drain after the last. To stop a user whose
// connection still ends, or one that is stopping already, would make dead letters on a host's system.
func (s *System) countEnd(active *atomic.Int64) {
	if active.Add(-1) <= 0 && s.stopping.Load() {
		s.emptied.Set()
	}
}
