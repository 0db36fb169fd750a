package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/logthrottle"
	"github.com/notifypush/notifypush/internal/signal"
)

const (
	// flushInterval is how long news wait for others. With maxLogins, it bounds what a node publishes.
	flushInterval = 50 * time.Millisecond
	// publishTimeout is how long a message may take to Redis.
	publishTimeout = 2 * time.Second
	// tokenTime is how long Redis remembers that a token is used: longer than it is good.
	tokenTime = 30 * time.Second
	// sendAllInterval is the least time between two times that everything is sent, however many ask.
	sendAllInterval = time.Second / 2
	// greetInterval is the least time between two times that the others are asked for everything.
	greetInterval = time.Second
	// retryInterval is the wait before the channel is subscribed again.
	retryInterval = time.Second
	logInterval   = time.Minute
)

// Bus is what the nodes reach each other by: a storage.Redis. Its methods are those of actors.EventSource and
// storage.Redis.
type Bus interface {
	actors.EventSource
	Publish(ctx context.Context, channel string, payload []byte) (int, error)
	// CountsSubscribers reports whether Publish counts all subscribers. In a cluster they are at different nodes, and it does not.
	CountsSubscribers() bool
	SetNew(ctx context.Context, key, value string, ttl time.Duration) (bool, error)
}

// System is the part of an actors.System that a Fleet needs.
type System interface {
	LearnLogins(peer string, news []actors.LoginNews)
	LearnMounts(read actors.MountsRead)
	ReadMounts(ctx context.Context, storages []uint64) ([]actors.Mount, error)
	Crowds(ctx context.Context, named []string) (map[string]int, error)
	PeerGone(peer string)
	AnnounceLogins(ctx context.Context) error
	Stats() actors.Stats
	Hears() bool
}

// Options of a Fleet.
type Options struct {
	// Key is what messages are authenticated with: the same for all nodes, and known to nobody who may not log clients
	// in. It must not be empty.
	Key []byte
	// Node is this node's name, which no other has, nor this one before it was started again; at most 64 bytes. Empty is a
	// random one.
	Node string
	// Version is what this node says it is.
	Version string
	// OnDeaf, unless nil, is called when this node does not hear events while others do, and when it hears them again. It is
	// called by the goroutine of Run, and must not block.
	OnDeaf func(deaf bool)
	// Address, if not nil, returns where the other nodes can ask this one without Redis, in a form of the host's own of at most 128
	// bytes; empty where they cannot.
	Address func() string
	// AskNode, if not nil, returns what AnswerNode returned at the node with that address.
	AskNode func(ctx context.Context, address, question string) (answer string, err error)
	// Instance is the instanceid of Nextcloud's config.php, which is no secret, by which servers of another Nextcloud at the
	// same Redis know that this is another one. Empty: they are not told apart.
	Instance string
	// Prefixes returns with which prefixes events are heard (storage.Redis.ChannelPrefixes); nil is for none but "".
	Prefixes func() []string
	// AppVersion, if not nil, returns the version of Nextcloud's app, or nothing while this node has not asked for it.
	AppVersion func() string
	// Attach, if not nil, returns what the host says to the others with the next beat: JSON of 64 KiB at most, or nil.
	Attach func() json.RawMessage
	// OnAttached, if not nil, is called with what another node has attached.
	OnAttached func(json.RawMessage)
	// Logger is where to log; nil for nowhere.
	Logger *zap.Logger
}

// Fleet is this node's part of a fleet. It is safe for concurrent use; Run does the work.
type Fleet struct {
	// set once
	bus         Bus
	options     Options
	log         *zap.Logger
	ignored     *logthrottle.Line
	failing     *logthrottle.Line
	wake        signal.Signal     // there is news, or everything is to be sent
	ready       chan struct{}     // closed by beReady
	beReady     func()            // the others have sent what they know, or there are none
	sharing     *logthrottle.Line // that another Nextcloud hears the events
	foreignNews signal.Signal     // something is to be done about others
	made        time.Time
	turn        chan struct{}     // holds a value while a message is being published
	asked       signal.Signal     // others want mounts
	unpublished chan *unpublished // mounts that were read here
	part        atomic.Int32      // in reading mounts

	// owned by who has the turn
	sequence uint64 // of the last message
	over     bool   // this node has said bye

	share func() // begins to read for others; set by Run

	deafness deafness // of the goroutine that sends

	mu           sync.Mutex // guards the rest
	members      *members
	pending      map[string]actors.LoginNews // by digest
	isNew        bool                        // to somebody, who is to know of this node at once
	greet        bool                        // everybody is to be asked for everything
	greetedAt    time.Time                   // when that was done last
	sentAllAt    time.Time                   // when everything was sent last
	sendAll      bool                        // somebody has asked
	sendingAll   bool                        // everything is in pending
	awaited      int                         // how many nodes are to answer the last hello; -1 while unknown
	answers      int                         // to it
	isEnding     bool
	saidInFlight int // logins, with the last beat
	mounts       mounts
	questions    map[string]string // of nodes that do not hear events
	ownHeard     time.Time         // when a message of this node came back
	foreign      foreigners
}

// New returns a Fleet of which no other node is known yet.
func New(bus Bus, options Options) (*Fleet, error) {
	if len(options.Key) == 0 {
		return nil, errors.New("fleet: Options.Key is empty; derive one from a secret that all nodes have")
	}
	if len(options.Node) > maxName {
		return nil, errors.New("fleet: Options.Node is longer than 64 bytes")
	}
	options.Node = cmp.Or(options.Node, rand.Text())
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	if options.OnDeaf == nil {
		options.OnDeaf = func(bool) {}
	}
	ready := make(chan struct{})
	return &Fleet{
		bus: bus, options: options, log: options.Logger,
		ignored:     logthrottle.New(options.Logger, logInterval, "fleet: ignored a message", "cause"),
		failing:     logthrottle.New(options.Logger, logInterval, "fleet: cannot publish to other nodes", ""),
		wake:        signal.New(),
		ready:       ready,
		beReady:     sync.OnceFunc(func() { close(ready) }),
		members:     newMembers(options.Node),
		awaited:     -1,
		pending:     map[string]actors.LoginNews{},
		made:        time.Now(),
		turn:        make(chan struct{}, 1),
		asked:       signal.New(),
		unpublished: make(chan *unpublished, maxUnpublished),
		mounts:      newMounts(),
		questions:   map[string]string{},
		foreignNews: signal.New(),
		foreign:     newForeigners(options.Instance),
		sharing:     logthrottle.New(options.Logger, foreignLogInterval, "another Nextcloud uses the same channels of redis: events and logins are exchanged", ""),
	}, nil
}

// Members returns the other nodes that are alive, by name.
func (f *Fleet) Members() []Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.members.alive()
}

// Announce implements actors.Peers. What is not published yet is bounded by the logins that the System remembers.
func (f *Fleet) Announce(news iter.Seq[actors.LoginNews]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.members.alone() && !f.sendingAll {
		return // who joins is sent all
	}
	for n := range news {
		f.pending[string(n.Digest)] = n
	}
	f.wake.Set()
}

// ClaimToken implements actors.Peers. A node that knows of no other does not ask.
func (f *Fleet) ClaimToken(ctx context.Context, digest []byte) (bool, error) {
	f.mu.Lock()
	alone := f.members.alone()
	f.mu.Unlock()
	if alone {
		return true, nil
	}
	return f.bus.SetNew(ctx, "notify_push_token_"+hex.EncodeToString(digest), f.options.Node, tokenTime)
}

// Run takes part in the fleet until ctx ends. It is called once.
func (f *Fleet) Run(ctx context.Context, system System) {
	var running sync.WaitGroup
	f.share = sync.OnceFunc(func() {
		running.Go(func() { f.answerAsks(ctx, system) })
		running.Go(func() { f.publishRows(ctx) })
	})
	running.Go(func() { f.receive(ctx, system) })
	f.send(ctx, system)
	running.Wait()
	ctx = context.WithoutCancel(ctx)
	f.flush(ctx) // the last logins before the end
	_, _ = f.publish(ctx, message{Kind: bye})
}

// receive hears the other nodes.
func (f *Fleet) receive(ctx context.Context, system System) {
	for ctx.Err() == nil {
		err := f.bus.Receive(ctx, []string{Channel}, f.onSubscribed, func(_ string, payload []byte) { f.onMessage(system, payload) })
		f.mu.Lock()
		f.members.lost()
		f.chooseReader()
		f.mu.Unlock()
		f.beReady() // nobody can be waited for
		f.logFailure(ctx, err)
		f.wake.Set() // who does not hear others has to ask
		select {
		case <-ctx.Done():
		case <-time.After(retryInterval):
		}
	}
}

func (f *Fleet) onSubscribed() {
	f.mu.Lock()
	f.members.subscribed(time.Now())
	f.chooseReader()
	f.greet = true
	f.mu.Unlock()
	f.wake.Set()
}

func (f *Fleet) onMessage(system System, payload []byte) {
	m, e, err := decode(f.options.Key, payload)
	if isForeign(e, err, f.options.Instance) {
		f.onForeign(e)
		return
	}
	if err == nil && m.Kind == askAll {
		if m.Node != f.options.Node {
			f.onQuestion()
		}
		return
	}
	var n news
	if err == nil {
		n, err = f.hear(m)
	}
	if err != nil {
		f.ignored.Warn(cause(err), zap.Error(err))
		return
	}
	if n.own {
		return
	}
	if n.missed { // perhaps that it released some; those that it holds it says again
		system.PeerGone(m.Node)
	}
	if n.joined && m.Kind != bye {
		f.share()
		f.log.Info("fleet: a node joined", zap.String("node", m.Node), zap.String("version", m.Version))
	}
	if len(m.Logins) > 0 {
		system.LearnLogins(m.Node, m.Logins)
	}
	if m.Attached != nil && f.options.OnAttached != nil {
		f.options.OnAttached(m.Attached)
	}
	switch m.Kind {
	case bye:
		f.log.Info("fleet: a node left", zap.String("node", m.Node))
		system.PeerGone(m.Node)
	case askMounts:
		f.onAsked(m.Mounts)
	case rows:
		f.onRows(system, m.Node, m.Mounts)
	}
	if n.joined || n.missed || m.Kind == hello || m.Kind == deaf {
		f.wake.Set()
	}
}

// hear notes who has sent a message that carried the right MAC, and what that wants of this node.
func (f *Fleet) hear(m message) (n news, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.foreign.note(f.options.Instance, time.Now())
	n, err = f.members.hear(m, time.Now())
	f.isNew = f.isNew || n.joined
	f.greet = f.greet || n.joined || n.missed // what it has said before is not known
	switch {
	case n.own:
		f.ownHeard = time.Now()
	case err != nil:
	case m.Kind == hello:
		f.sendAll = true
	case m.Kind == complete:
		f.answers++
		f.settle()
	case m.Kind == deaf:
		f.questions[m.Node] = m.Question
	}
	f.chooseReader()
	return n, err
}

// cause returns which of a few errors it is.
func cause(err error) string {
	for _, known := range []error{errForeign, errMalformed, errReplayed, errTooMany, errClock} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "unknown"
}

// send publishes what this node has to say.
func (f *Fleet) send(ctx context.Context, system System) {
	beats := time.NewTicker(beatInterval)
	defer beats.Stop()
	beating := true
	var foreign <-chan time.Time // nil while there are no others
	for {
		if idle := f.isIdle() && system.Hears(); idle == beating { // a node that is alone costs nothing
			if beating = !idle; beating {
				beats.Reset(beatInterval)
			} else {
				beats.Stop()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-f.foreignNews:
			foreign = f.meetForeign(ctx)
		case <-foreign:
			foreign = f.meetForeign(ctx)
		case <-beats.C:
			f.beat(ctx, system)
		case <-f.wake:
			f.answer(ctx, system)
			select {
			case <-ctx.Done():
				return
			case <-time.After(flushInterval):
			}
			f.flush(ctx)
		}
	}
}

// isIdle reports whether nobody is known, and nothing is put off.
func (f *Fleet) isIdle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.members.known) == 0 && !f.greet && !f.sendAll
}

func (f *Fleet) beat(ctx context.Context, system System) {
	f.introduce(ctx, system)
	f.listenToOthers(ctx, system)
	f.mu.Lock()
	gone := f.members.expire(time.Now())
	f.chooseReader()
	f.mu.Unlock()
	for _, node := range gone {
		f.log.Warn("fleet: lost a node", zap.String("node", node), zap.Duration("silent_for", silenceLimit))
		system.PeerGone(node)
	}
	f.wake.Set() // for what was put off
}

func (f *Fleet) introduce(ctx context.Context, system System) {
	stats := system.Stats()
	f.mu.Lock()
	f.saidInFlight = int(min(stats.LoginsInFlight, math.MaxInt32)) //nolint:gosec // G115: it fits.
	f.mu.Unlock()
	_, _ = f.publish(ctx, message{
		Kind: beat, Version: f.options.Version, Stats: &stats, Users: f.crowds(ctx, system),
		AppVersion: from(f.options.AppVersion), Address: from(f.options.Address), Attached: from(f.options.Attach),
	})
}

// from returns what the host says, or nothing where it is not asked.
func from[T any](ask func() T) (said T) {
	if ask != nil {
		said = ask()
	}
	return said
}

// answer asks everybody for everything, and sends everything, if that is due.
func (f *Fleet) answer(ctx context.Context, system System) {
	f.answerDeaf(ctx, system)
	now := time.Now()
	f.mu.Lock()
	greet := f.greet && now.Sub(f.greetedAt) >= greetInterval
	sendAll := f.sendAll && now.Sub(f.sentAllAt) >= sendAllInterval
	if greet {
		f.greet, f.greetedAt = false, now
		f.answers, f.awaited = 0, -1
	}
	if sendAll {
		f.sendAll, f.sentAllAt = false, now
	}
	if f.sendAll { // a node that starts does not wait for the next beat
		time.AfterFunc(sendAllInterval-now.Sub(f.sentAllAt), f.wake.Set)
	}
	isNew := f.isNew
	f.isNew = false
	f.mu.Unlock()
	if isNew && !greet {
		f.introduce(ctx, system)
	}
	if greet {
		published, err := f.publish(ctx, message{Kind: hello, Version: f.options.Version})
		f.mu.Lock()
		if f.greet = f.greet || err != nil; err == nil && f.bus.CountsSubscribers() {
			f.awaited = published.listeners - 1
		}
		f.settle()
		f.mu.Unlock()
	}
	if sendAll && system.AnnounceLogins(ctx) == nil {
		f.mu.Lock()
		f.sendingAll = true
		f.mu.Unlock()
	}
}

// flush publishes one message of news.
func (f *Fleet) flush(ctx context.Context) {
	f.mu.Lock()
	var news []actors.LoginNews
	for digest, n := range f.pending {
		if len(news) == maxLogins {
			f.wake.Set()
			break
		}
		news = append(news, n)
		delete(f.pending, digest)
	}
	alone := f.members.alone()
	done := f.sendingAll && len(f.pending) == 0
	f.sendingAll = f.sendingAll && !done
	f.mu.Unlock()
	if len(news) > 0 && !alone {
		_, _ = f.publish(ctx, message{Kind: logins, Logins: news})
	}
	if done {
		_, _ = f.publish(ctx, message{Kind: complete})
	}
}

// logFailure logs that the channel cannot be used, at warn where Redis forbids it: that it is away, others log.
func (f *Fleet) logFailure(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	level := zap.InfoLevel
	if refusal, ok := errors.AsType[interface {
		error
		IsPermission() bool
	}](err); ok && refusal.IsPermission() {
		level = zap.WarnLevel
	}
	f.failing.Log(level, "", zap.Error(err))
}

// End says to the others that this node lets its clients go: nobody counts on it any more to know their logins.
func (f *Fleet) End(ctx context.Context) error {
	f.mu.Lock()
	f.isEnding = true
	f.chooseReader()
	f.mu.Unlock()
	_, err := f.publish(ctx, message{Kind: ending})
	return err
}

// settle closes ready when all have answered. Fleet.mu is held.
func (f *Fleet) settle() {
	if f.awaited >= 0 && f.answers >= f.awaited {
		f.beReady()
	}
}

// Ready is closed when what the others know has been heard for the first time, nobody else is there, or Redis cannot be
// subscribed to. In a cluster, and with another Nextcloud on the same Redis, it may stay open until then.
func (f *Fleet) Ready() <-chan struct{} { return f.ready }

// Sum adds the counters of the others to those of this node.
func (f *Fleet) Sum(own actors.Stats) actors.Stats {
	for _, other := range f.Members() {
		own = own.Plus(other.Stats)
	}
	return own
}
