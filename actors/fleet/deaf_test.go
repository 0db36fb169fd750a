package fleet_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors/fleet"
)

// A node that does not hear events while another does is deaf after a while, until it hears them again, whether or not it hears
// the others.
func TestNodeIsDeaf(t *testing.T) {
	for _, hearsOthers := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			bus := newBus()
			own := &selective{bus: bus}
			first, second, third := start(t, bus, "first", key), startOn(t, own, "second", key), start(t, bus, "third", key)
			pass(time.Second)
			own.setDeaf(!hearsOthers)
			second.loseEvents(true)
			third.loseEvents(true)
			pass(9 * time.Second)
			require.Zero(t, second.deaf.Load())
			pass(5 * time.Second)
			require.EqualValues(t, 1, second.deaf.Load())
			require.EqualValues(t, 1, third.deaf.Load())
			require.Zero(t, first.deaf.Load())

			second.Events.Refuse(nil)
			pass(7 * time.Second)
			require.EqualValues(t, 2, second.deaf.Load())
			require.EqualValues(t, 1, third.deaf.Load())
		})
	}
}

// A node that does not hear when it starts, and so never heard of others, asks, too.
func TestNodeIsDeafFromTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		start(t, bus, "first", key)
		own := &selective{bus: bus}
		own.setDeaf(true)
		second := startOn(t, own, "second", key)
		second.Events.Refuse(errDown)
		second.Events.Lose(errDown)
		pass(15 * time.Second)
		require.EqualValues(t, 1, second.deaf.Load())
	})
}

// When all are deaf, or nobody can be asked, all stay. Nor is a node deaf that hears a little later than others when Redis is back.
func TestAllAreDeaf(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		nodes := []*node{start(t, bus, "first", key), start(t, bus, "second", key), start(t, bus, "third", key)}
		pass(time.Second)
		requireNone := func() {
			t.Helper()
			for _, n := range nodes {
				require.Zero(t, n.deaf.Load())
			}
		}
		for _, n := range nodes {
			n.Events.Refuse(errDown)
			n.Events.Lose(errDown)
		}
		pass(5 * time.Minute)
		requireNone()
		bus.setDown(true) // now nobody can ask, either
		nodes[0].Events.Refuse(nil)
		pass(5 * time.Minute)
		requireNone()
		bus.setDown(false)
		pass(4 * time.Second) // and up to 5 s until the subscription is tried again
		for _, n := range nodes {
			n.Events.Refuse(nil)
		}
		pass(time.Minute)
		requireNone()
	})
}

// selective is a bus on which a node can be kept from hearing, and not from publishing.
type selective struct {
	*bus
	deaf, cut atomic.Bool
}

func (s *selective) setDeaf(deaf bool) { s.deaf.Store(deaf) }

// cutOff has it reach nothing.
func (s *selective) cutOff(cut bool) {
	s.cut.Store(cut)
	s.setDeaf(cut)
}

func (s *selective) Publish(ctx context.Context, channel string, payload []byte) (int, error) {
	if s.cut.Load() {
		return 0, errDown
	}
	return s.bus.Publish(ctx, channel, payload)
}

func (s *selective) SetNew(ctx context.Context, key, value string, ttl time.Duration) (bool, error) {
	if s.cut.Load() {
		return false, errDown
	}
	return s.bus.SetNew(ctx, key, value, ttl)
}

func (s *selective) Receive(ctx context.Context, channels []string, subscribed func(), message func(string, []byte)) error {
	if s.deaf.Load() {
		return errDown
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return s.bus.Receive(ctx, channels, subscribed, func(channel string, payload []byte) {
		if s.deaf.Load() {
			cancel()
			return
		}
		message(channel, payload)
	})
}

// wires are the ways between nodes that do not lead over Redis.
type wires struct {
	nodes map[string]*node // set before anybody asks
	forge func(address, question string) (answer string, err error)
}

func (w *wires) connect(o *fleet.Options) {
	name := o.Node
	o.Address = func() string { return "at " + name }
	o.AskNode = func(_ context.Context, address, question string) (string, error) {
		if w.forge != nil {
			return w.forge(address, question)
		}
		n := w.nodes[address]
		if answer, hears := n.fleet.AnswerNode(n.System, question); hears {
			return answer, nil
		}
		return "", errDown
	}
}

// threeWired starts three nodes, of which each has a way to Redis of its own.
func threeWired(t *testing.T) (w *wires, nodes [3]*node, lines [3]*selective, redis *bus) {
	redis, w = newBus(), &wires{nodes: map[string]*node{}}
	for i, name := range []string{"first", "second", "third"} {
		lines[i] = &selective{bus: redis}
		nodes[i] = startOn(t, lines[i], name, key, w.connect)
		w.nodes["at "+name] = nodes[i]
	}
	pass(3 * time.Second)
	return w, nodes, lines, redis
}

// loseEvents has a node not hear events until they are there again.
func (n *node) loseEvents(lost bool) {
	if !lost {
		n.Events.Refuse(nil)
		return
	}
	n.Events.Refuse(errDown)
	n.Events.Lose(errDown)
}

// A node that does not reach Redis at all asks the others directly.
func TestNodeIsCutOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, nodes, lines, _ := threeWired(t)
		lines[0].cutOff(true)
		nodes[0].loseEvents(true)
		pass(4 * time.Second) // and up to 5 s until the subscription is tried again
		require.Zero(t, nodes[0].deaf.Load())
		pass(7 * time.Second)
		require.EqualValues(t, 1, nodes[0].deaf.Load())
		require.Zero(t, nodes[1].deaf.Load())
		lines[0].cutOff(false)
		nodes[0].loseEvents(false)
		pass(7 * time.Second)
		require.EqualValues(t, 2, nodes[0].deaf.Load())
	})
}

// A node that reaches neither Redis nor another one knows nothing, and stays.
func TestNodeCannotAsk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, nodes, lines, _ := threeWired(t)
		w.forge = func(string, string) (string, error) { return "", errDown }
		lines[0].cutOff(true)
		nodes[0].loseEvents(true)
		pass(5 * time.Minute)
		require.Zero(t, nodes[0].deaf.Load())
	})
}

// Where Redis is away for all, nobody is deaf, also when some of them have not noticed that their subscription for events is dead.
func TestRedisIsAwayForAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, nodes, lines, redis := threeWired(t)
		redis.setDown(true)
		for _, line := range lines {
			line.cutOff(true)
		}
		nodes[0].loseEvents(true)
		pass(5 * time.Minute)
		for _, n := range nodes {
			require.Zero(t, n.deaf.Load())
		}
	})
}

// Who does not have the key cannot say that others hear, also with what nodes have answered to other questions.
func TestAnswersAreNotForged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, nodes, lines, _ := threeWired(t)
		another, hears := nodes[1].fleet.AnswerNode(nodes[1].System, "another question")
		require.True(t, hears)
		for _, forged := range []string{"", "yes", another} {
			w.forge = func(string, string) (string, error) { return forged, nil }
			lines[0].cutOff(true)
			nodes[0].loseEvents(true)
			pass(20 * time.Second)
			require.Zero(t, nodes[0].deaf.Load())
			lines[0].cutOff(false)
			nodes[0].loseEvents(false)
			pass(10 * time.Second)
		}
	})
}
