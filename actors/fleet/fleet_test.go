package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/actors/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bus is a Redis for one channel.
type bus struct {
	mu          sync.Mutex
	subscribers map[int]func([]byte)
	next        int
	down        bool
	mute        bool // nothing can be published
	ofOneNode   bool // subscribers are counted
	keys        map[string]bool
	published   [][]byte
}

func newBus() *bus { return &bus{subscribers: map[int]func([]byte){}, keys: map[string]bool{}} }

var errDown = errors.New("connection refused")

func (b *bus) isDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

func (b *bus) Receive(ctx context.Context, channels []string, subscribed func(), message func(string, []byte)) error {
	if b.isDown() {
		return errDown
	}
	queue := make(chan []byte, 1000)
	b.mu.Lock()
	id := b.next
	b.next++
	b.subscribers[id] = func(payload []byte) { queue <- payload }
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.subscribers, id)
		b.mu.Unlock()
	}()
	subscribed()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case payload := <-queue:
			message(channels[0], payload)
		case <-time.After(100 * time.Millisecond):
			if b.isDown() {
				return errDown
			}
		}
	}
}

func (b *bus) Publish(_ context.Context, _ string, payload []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down || b.mute {
		return 0, errDown
	}
	b.published = append(b.published, payload)
	for _, deliver := range b.subscribers {
		deliver(payload)
	}
	return len(b.subscribers), nil
}

func (b *bus) SetNew(_ context.Context, key, _ string, _ time.Duration) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return false, errDown
	}
	isNew := !b.keys[key]
	b.keys[key] = true
	return isNew, nil
}

func (b *bus) CountsSubscribers() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.ofOneNode
}

func (b *bus) setMute(mute bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mute = mute
}

func (b *bus) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

var key = []byte("the key of both")

// node is one server of a fleet.
type node struct {
	*actorstest.Kit
	fleet *fleet.Fleet
	stop  func()
	deaf  *atomic.Int32 // 1 since it is, and 2 since it is not any more
	kill  func()        // as stop, and nobody hears of it
}

func start(t *testing.T, bus *bus, name string, key []byte) *node {
	t.Helper()
	return startOn(t, bus, name, key)
}

func startOn(t *testing.T, bus fleet.Bus, name string, key []byte, change ...func(*fleet.Options)) *node {
	t.Helper()
	deaf := new(atomic.Int32)
	onDeaf := func(is bool) { deaf.Store(map[bool]int32{true: 1, false: 2}[is]) }
	line := &line{Bus: bus}
	options := fleet.Options{Key: key, Node: name, Version: "1.0", OnDeaf: onDeaf}
	for _, c := range change {
		c(&options)
	}
	f, err := fleet.New(line, options)
	require.NoError(t, err)
	kit := &actorstest.Kit{Events: actorstest.NewEvents(), Mounts: &actorstest.Mounts{}, Verifier: &actorstest.Verifier{}, Control: &actorstest.Control{}}
	kit.System, err = actors.New(actors.Ports{
		Events: kit.Events, Mounts: kit.Mounts, Verifier: kit.Verifier, Control: kit.Control, Peers: f,
	}, actors.Options{AuthKey: []byte("key")})
	require.NoError(t, err)
	kit.System.Start()
	t.Cleanup(func() { _ = kit.System.Shutdown(context.Background()) })
	require.NoError(t, kit.System.Ready(t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx, kit.System) })
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return &node{kit, f, stop, deaf, func() { line.cut.Store(true); stop() }}
}

// line is a node's way to the bus, which may be cut.
type line struct {
	fleet.Bus
	cut atomic.Bool
}

func (l *line) Publish(ctx context.Context, channel string, payload []byte) (int, error) {
	if l.cut.Load() {
		return 0, errDown
	}
	return l.Bus.Publish(ctx, channel, payload)
}

func (n *node) names() (names []string) {
	for _, m := range n.fleet.Members() {
		names = append(names, m.Node)
	}
	return names
}

// askedAbout returns the names that Nextcloud was asked about.
func (n *node) askedAbout() (names []string) {
	for _, call := range n.Verifier.Calls() {
		names = append(names, call.Login)
	}
	return names
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// bubble fakes the time, and lets the runtime's own goroutines end.
func bubble(t *testing.T, test func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		test(t)
	})
}

// Nodes know each other, with their counters, until they leave or have been silent.
func TestNodesKnowEachOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		first := start(t, bus, "first", key)
		pass(0)
		<-first.fleet.Ready() // nobody else is there
		second, third := start(t, bus, "second", key), start(t, bus, "third", key)
		pass(time.Second)
		require.Equal(t, []string{"second", "third"}, first.names())
		require.Equal(t, []string{"first", "third"}, second.names())
		second.Connect(t, "alice")
		third.Connect(t, "bob")
		pass(time.Second)
		require.EqualValues(t, 2, first.fleet.Sum(first.System.Stats()).ActiveConnections)
		third.stop()
		pass(0)
		require.Equal(t, []string{"second"}, first.names())
		require.EqualValues(t, 1, first.fleet.Sum(first.System.Stats()).ActiveConnections)
	})
}

// A client that comes to another node is let in without asking Nextcloud, also at a node that has just started, and
// after the end of the one that it was connected to.
func TestLoginsAreShared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		first := start(t, bus, "first", key)
		second := start(t, bus, "second", key)
		pass(time.Second)
		for i := range 1200 {
			first.Connect(t, fmt.Sprint("user", i))
		}
		pass(5 * time.Minute)
		second.Connect(t, "user7")
		require.Empty(t, second.Verifier.Calls())

		third := start(t, bus, "third", key)
		begun := time.Now()
		<-third.fleet.Ready()
		require.Less(t, time.Since(begun), time.Second)
		synctest.Wait()
		third.Connect(t, "user1199")
		require.Empty(t, third.Verifier.Calls())

		first.stop()
		pass(119 * time.Second)
		second.Connect(t, "user8")
		require.NotContains(t, second.askedAbout(), "user8")
		pass(time.Minute)
		second.Connect(t, "user9")
		require.Contains(t, second.askedAbout(), "user9")
	})
}

// A node that starts is sent everything within a second, also where another one has started shortly before, or the others have just
// found each other.
func TestNodesStartOneAfterTheOther(t *testing.T) {
	for _, apart := range []time.Duration{0, 300 * time.Millisecond, 700 * time.Millisecond, 950 * time.Millisecond, 1300 * time.Millisecond} {
		bubble(t, func(t *testing.T) {
			bus := newBus()
			first := start(t, bus, "first", key)
			pass(time.Minute)
			first.Connect(t, "alice")
			for i := range 4 {
				next := start(t, bus, fmt.Sprint("next", i), key)
				begun := time.Now()
				<-next.fleet.Ready()
				require.Less(t, time.Since(begun), 900*time.Millisecond, "%v apart", apart)
				synctest.Wait()
				next.Connect(t, "alice")
				require.Empty(t, next.Verifier.Calls())
				pass(apart)
			}
		})
	}
}

// A token logs in at one node.
func TestTokenLogsInOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		nodes := []*node{start(t, bus, "first", key), start(t, bus, "second", key), start(t, bus, "third", key)}
		pass(time.Second)
		var admitted []string
		for i, n := range nodes {
			require.NoError(t, n.System.Publish(t.Context(), actors.TokenIssued{User: "alice", Token: "token"}))
			synctest.Wait()
			if login, err := n.System.Authenticate(t.Context(), actors.Credentials{Password: "token"}); err == nil {
				admitted = append(admitted, fmt.Sprint(i, login.User))
			} else {
				require.ErrorIs(t, err, actors.ErrInvalidCredentials)
			}
		}
		require.Equal(t, []string{"0alice"}, admitted)
	})
}

// A node that is alone says hello, and then nothing.
func TestNodeThatIsAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		alone := start(t, bus, "alone", key)
		alone.Connect(t, "alice")
		pass(time.Hour)
		require.Len(t, bus.published, 1)
		start(t, bus, "second", key).stop()
		pass(time.Hour) // the second is forgotten
		said := len(bus.published)
		pass(time.Hour)
		require.Len(t, bus.published, said)
	})
}

// A node that is alone does not ask Redis about a token.
func TestTokenOfASingleNode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		alone := start(t, bus, "alone", key)
		pass(time.Second)
		require.NoError(t, alone.System.Publish(t.Context(), actors.TokenIssued{User: "alice", Token: "token"}))
		bus.setDown(true)
		_, err := alone.System.Authenticate(t.Context(), actors.Credentials{Password: "token"})
		require.NoError(t, err)
	})
}

// While Redis is away nobody counts as gone, and afterwards everybody is sent what was missed.
func TestRedisIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		first, second := start(t, bus, "first", key), start(t, bus, "second", key)
		pass(time.Second)
		bus.setDown(true)
		pass(time.Minute)
		require.Equal(t, []string{"second"}, first.names())
		first.Connect(t, "alice")
		pass(time.Minute)
		bus.setDown(false)
		pass(4 * time.Second)
		require.Equal(t, []string{"second"}, first.names())
		second.Connect(t, "alice")
		require.Empty(t, second.Verifier.Calls())
	})
}

// Nodes whose first message is lost find each other when the next one is not.
func TestFirstMessageIsLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		bus.setMute(true)
		first, second := start(t, bus, "first", key), start(t, bus, "second", key)
		pass(10 * time.Second)
		require.Empty(t, first.names())
		bus.setMute(false)
		pass(3 * time.Second)
		require.Equal(t, []string{"second"}, first.names())
		require.Equal(t, []string{"first"}, second.names())
	})
}

// A login that a node has released while nobody could hear it is not held for ever.
func TestReleaseIsMissed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		first, second := start(t, bus, "first", key), start(t, bus, "second", key)
		pass(time.Second)
		alice := first.Connect(t, "alice")
		first.Connect(t, "bob")
		pass(5 * time.Minute)
		bus.setDown(true)
		pass(time.Second)
		alice.End(actors.ConnectionLost)
		pass(3 * time.Minute) // it is remembered no more
		bus.setDown(false)
		pass(3 * time.Minute)
		second.Connect(t, "alice")
		require.Equal(t, []string{"alice"}, second.askedAbout())
		second.Connect(t, "bob")
		require.Equal(t, []string{"alice"}, second.askedAbout(), "bob is still held")
	})
}

// Who has another key is not heard, and what was said once is not believed again.
func TestForgery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		first := start(t, bus, "first", key)
		foreign := start(t, bus, "foreign", []byte("another key"))
		pass(2 * time.Second)
		require.Empty(t, first.names())
		require.Empty(t, foreign.names())
		foreign.stop()

		second := start(t, bus, "second", key)
		pass(time.Second)
		second.Connect(t, "alice")
		pass(time.Second)
		bus.mu.Lock()
		said := slices.Clone(bus.published)
		bus.mu.Unlock()
		second.stop()
		pass(time.Second)
		require.Empty(t, first.names())
		for range 2 {
			for _, payload := range said {
				_, _ = bus.Publish(t.Context(), fleet.Channel, payload)
			}
			pass(0)
			require.Empty(t, first.names())
			pass(10 * time.Minute)
		}
	})
}

// A key is required, and names are short.
func TestOptions(t *testing.T) {
	_, err := fleet.New(newBus(), fleet.Options{})
	require.ErrorContains(t, err, "Options.Key")
	_, err = fleet.New(newBus(), fleet.Options{Key: key, Node: string(make([]byte, 65))})
	require.ErrorContains(t, err, "Options.Node")
}

// Where it is not known how many listen, as in a cluster, a node does not take the first answer for all.
func TestReadinessInACluster(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		start(t, bus, "first", key)
		pass(2 * time.Second)
		counting := start(t, bus, "second", key)
		pass(time.Second)
		require.True(t, isReady(counting))
		bus.mu.Lock()
		bus.ofOneNode = true
		bus.mu.Unlock()
		late := start(t, bus, "third", key)
		pass(time.Minute)
		require.False(t, isReady(late))
	})
}

func isReady(n *node) bool {
	select {
	case <-n.fleet.Ready():
		return true
	default:
		return false
	}
}
