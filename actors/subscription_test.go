package actors_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

var errRedis = errors.New("redis is away")

// bubbleWithout is bubble for a System that can't subscribe yet.
func bubbleWithout(t *testing.T, change func(*actors.Options), test func(*testing.T, *actorstest.Kit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		kit := actorstest.New(t, change)
		kit.Events.Refuse(errRedis)
		kit.System.Start()
		t.Cleanup(func() { kit.System.Shutdown(t.Context()) })
		synctest.Wait()
		test(t, kit)
	})
}

// Redis absent at start: clients are let in, it is said what is missing, and all is well without
// help when it comes.
func TestSubscribingIsRetriedForEver(t *testing.T) {
	bubbleWithout(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(24 * time.Hour)
		requireOpen(t, alice)
		require.Equal(t, map[string]string{"redis": "redis is away"}, kit.System.Problems())
		require.Zero(t, kit.Events.Subscriptions())
		kit.Events.Refuse(nil)
		pass(5 * time.Second)
		require.Empty(t, kit.System.Problems())
		require.Equal(t, 1, kit.Events.Subscriptions())
		customs(kit, "alice", []string{"m"})
		require.Contains(t, pushes(alice), "m")
	})
}

func TestProblemsBeforeTheFirstSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.New(t, nil)
		require.Equal(t, map[string]string{"redis": "not subscribed yet"}, kit.System.Problems())
		kit.System.Start()
		synctest.Wait()
		require.Empty(t, kit.System.Problems())
		kit.System.Shutdown(t.Context())
	})
}

// Retries are quick at first, then every few seconds.
func TestRetriesBackOff(t *testing.T) {
	bubbleWithout(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		pass(time.Second)
		first := kit.Events.Refusals()
		require.GreaterOrEqual(t, first, 3)
		require.LessOrEqual(t, first, 6)
		pass(time.Minute)
		second := kit.Events.Refusals()
		pass(time.Minute)
		require.GreaterOrEqual(t, kit.Events.Refusals()-second, 12)
		require.LessOrEqual(t, kit.Events.Refusals()-second, 25)
	})
}

// Each reason is logged once an outage, however often and in whatever turn reasons come, and not more than a
// few; an outage that lasts makes one line a minute besides, which counts; and its end is logged at the same level.
func TestOutageIsLoggedOnce(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	withLog := func(o *actors.Options) { o.Logger = zap.New(core) }
	bubbleWithout(t, withLog, func(t *testing.T, kit *actorstest.Kit) {
		lost := func() []observer.LoggedEntry { return logged.FilterMessage("lost connection to redis").All() }
		for i := range 600 { // of 5 s each, the longest wait between two attempts
			kit.Events.Refuse(errors.New([]string{"refused", "reset"}[i%2]))
			pass(5 * time.Second)
		}
		require.InDelta(t, 50, len(lost()), 3, "one line a minute")
		counted := int64(0)
		for _, line := range lost() {
			counted += line.ContextMap()["failures"].(int64)
		}
		require.Greater(t, counted, int64(590), "an attempt at least every 5 s")
		before := len(lost())
		for i := range 100 {
			kit.Events.Refuse(fmt.Errorf("reason %d", i))
			pass(100 * time.Millisecond)
		}
		require.LessOrEqual(t, len(lost())-before, 8)
		require.Contains(t, kit.System.Problems()["redis"], "reason ", "the last reason is always shown")

		kit.Events.Refuse(nil)
		pass(time.Minute)
		back := logged.FilterMessage("reconnected to redis").All()
		require.Len(t, back, 1)
		require.Equal(t, zap.WarnLevel, back[0].Level)
		require.InDelta(t, time.Hour, back[0].ContextMap()["after"], float64(15*time.Minute))
		before = len(lost())
		kit.Events.Lose(errors.New("refused"))
		pass(time.Minute)
		require.Equal(t, before+1, len(lost()), "another outage")
	})
}

// The first subscription ends nothing that was logged.
func TestStartIsNoReconnection(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		pass(time.Minute)
		require.Empty(t, kit.System.Problems())
		require.Empty(t, logged.All())
	})
}

// A dependency that fails for some and answers others is logged once a second, with how often.
func TestOutagesThatRepeatAreThrottled(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.Logger, o.AuthRefusalTTL = zap.New(core), new(time.Duration) }, func(t *testing.T, kit *actorstest.Kit) {
		for i := range 100 {
			kit.Verifier.Fail(errors.New("502"))
			_, err := authenticate(t, kit, actors.Credentials{Login: fmt.Sprint("user", i), Password: "secret"})
			require.Error(t, err)
			kit.Verifier.Fail(nil)
			_, err = authenticate(t, kit, wrongCredentials)
			require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		}
		pass(2 * time.Second)
		for _, text := range []string{"nextcloud is not available", "nextcloud is available"} {
			lines := logged.FilterMessage(text).All()
			require.Len(t, lines, 2, text)
			require.EqualValues(t, 99, lines[1].ContextMap()["times"])
		}
	})
}

// After a gap every client gets one push of each kind, because nobody knows what was missed; they
// are spread over time.
func TestResync(t *testing.T) {
	all := []string{"notify_file", "notify_activity", "notify_notification"}
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		const clients = 500
		var sockets []*actorstest.Socket
		for i := range clients {
			sockets = append(sockets, kit.Connect(t, fmt.Sprint("user", i)))
		}
		pass(time.Minute)
		refreshed := func() (n int) {
			for _, socket := range sockets {
				if len(pushes(socket)) > 0 {
					n++
				}
			}
			return n
		}
		require.Zero(t, refreshed(), "not after the first subscription")

		kit.Events.Lose(nil)
		pass(50 * time.Millisecond)
		require.Equal(t, map[string]string{"redis": "connection lost"}, kit.System.Problems())
		pass(100 * time.Millisecond)
		require.Empty(t, kit.System.Problems())
		pass(time.Second)
		require.InDelta(t, clients/5, refreshed(), clients/10, "100 a second")
		pass(5 * time.Second)
		for _, socket := range sockets {
			require.ElementsMatch(t, all, pushes(socket))
		}
		require.EqualValues(t, 1, kit.System.Stats().Resyncs)
	})
	bubble(t, func(o *actors.Options) { o.NoResync = true }, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		kit.Events.Lose(nil)
		pass(time.Minute)
		require.Equal(t, 2, kit.Events.Subscriptions())
		require.Empty(t, pushes(alice))
	})
	// Clients that were let in before a first subscription that came late have missed something, too.
	bubbleWithout(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(time.Minute)
		require.Empty(t, pushes(alice))
		kit.Events.Refuse(nil)
		pass(time.Minute)
		require.ElementsMatch(t, all, pushes(alice))
	})
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		kit := actorstest.New(t, nil)
		kit.Events.OnCall(func() { time.Sleep(8 * time.Second) }) // it has not failed, only taken long
		kit.System.Start()
		alice := kit.Connect(t, "alice")
		pass(7 * time.Second)
		require.Empty(t, pushes(alice))
		pass(time.Minute)
		require.ElementsMatch(t, all, pushes(alice))
		kit.System.Shutdown(t.Context())
	})
}

// An event source that ends without a reason, or again and again, is subscribed to again.
func TestSubscriptionIsLostOften(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		for i := range 20 {
			kit.Events.Lose(nil)
			customs(kit, "alice", []string{fmt.Sprint("m", i)}) // waits for the new subscription
		}
		pass(time.Minute)
		var texts []string
		for _, text := range pushes(alice) {
			if text[0] == 'm' {
				texts = append(texts, text)
			}
		}
		require.Equal(t, numbered(20), texts)
	})
}

// A Redis that drops each subscription as soon as it is confirmed is not asked for another one all
// the time, and makes no more refreshes than clients.
func TestSubscriptionFlaps(t *testing.T) {
	noPing := func(o *actors.Options) { immediately(o); o.MountsPing = new(time.Duration) } // nothing else is scheduled
	bubble(t, noPing, func(t *testing.T, kit *actorstest.Kit) {
		const clients = 2000
		for i := range clients {
			kit.Connect(t, fmt.Sprint("user", i))
		}
		pass(5 * time.Second)
		for began := time.Now(); time.Since(began) < 19*time.Second; { // what is asked for first is due within 20 s
			kit.Events.Lose(nil)
			synctest.Wait()
			require.LessOrEqual(t, kit.System.Scheduled(), clients+1, "a refresh for each, and the next subscription")
		}
		require.LessOrEqual(t, kit.Events.Subscriptions(), 20)

		pass(time.Minute)
		before := kit.Events.Subscriptions()
		kit.Events.Lose(nil)
		pass(100 * time.Millisecond)
		require.Equal(t, before+1, kit.Events.Subscriptions(), "one that lasted is reconnected at once")
	})
}

// A retry of a listener that has failed meanwhile, and subscribed anew, makes no second subscription: every event
// would come twice.
func TestLateRetryAfterRestart(t *testing.T) {
	bubbleOnHost(t, immediately, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		busy := make(chan struct{})
		kit.Control.OnCall(func() { <-busy })
		publish(t, kit, actors.StatsRequested{}) // the listener is busy with it
		synctest.Wait()
		poison(t, host, "listener")
		kit.Events.Lose(nil)
		close(busy)
		pass(time.Minute)
		require.Equal(t, 2, kit.Events.Subscriptions(), "by the next incarnation")

		busy = make(chan struct{})
		kit.Events.Refuse(errRedis)
		kit.Events.Lose(nil)
		synctest.Wait()
		publish(t, kit, actors.StatsRequested{})
		synctest.Wait()
		poison(t, host, "listener")
		pass(10 * time.Second) // the retry of the incarnation that fails is in its mailbox
		kit.Events.Refuse(nil)
		close(busy)
		pass(time.Minute)
		require.Equal(t, 3, kit.Events.Subscriptions())
	})
}

// Where the connection to Redis is cut every few seconds, clients are not sent three pushes each time, but are
// sent them after the last cut, and the log names the likely cause.
func TestConnectionThatIsCutAgainAndAgain(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	change := func(o *actors.Options) { o.NoDebounce, o.Logger = true, zap.New(core) }
	bubble(t, change, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		resyncs := func() uint64 { return kit.System.Stats().Resyncs }
		cut := func(lasting time.Duration) {
			for ended := time.Now().Add(lasting); time.Now().Before(ended); {
				for len(kit.System.Problems()) > 0 {
					pass(10 * time.Millisecond)
				}
				pass(4 * time.Second)
				kit.Events.Lose(nil)
				synctest.Wait()
			}
		}
		cut(time.Minute)
		require.LessOrEqual(t, resyncs(), uint64(3), "in a minute")
		cut(10 * time.Minute)
		require.LessOrEqual(t, resyncs(), uint64(8))
		require.Len(t, pushes(alice), int(3*resyncs()))
		hints := 0
		for _, entry := range logged.All() {
			if hint, ok := entry.ContextMap()["hint"]; ok {
				require.Equal(t, "cut after 4s again: is that the timeout of a proxy or firewall in between?", hint)
				hints++
			}
		}
		require.NotZero(t, hints)

		before := resyncs()
		pass(10 * time.Minute)
		require.Equal(t, before+1, resyncs(), "for the last cut")
		pass(10 * time.Minute)
		kit.Events.Lose(nil)
		pass(time.Second)
		require.Equal(t, before+2, resyncs(), "at once, after a calm time")
	})
}

// stuckSocket blocks in Write, as no socket may: here, it makes the system busy.
type stuckSocket struct {
	*actorstest.Socket
	stuck chan struct{}
}

func (s *stuckSocket) Write(frames []byte) (bool, error) {
	<-s.stuck
	return s.Socket.Write(frames)
}

// Backpressure: when too much is in flight, the source is made to wait and not the
// mailboxes to grow; nothing is lost, and the order is kept.
func TestFloodIsMadeToWait(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		socket := &stuckSocket{actorstest.NewSocket(), make(chan struct{})}
		go func() { _ = kit.System.Attach(kit.Login(t, "alice"), socket) }()
		synctest.Wait()
		taken := 0
		done := make(chan struct{})
		texts := numbered(80_000)
		go func() {
			defer close(done)
			for _, text := range texts {
				customs(kit, "alice", []string{text})
				taken++
			}
		}()
		synctest.Wait()
		require.Less(t, taken, 70_000)
		published := make(chan error, 1)
		go func() { published <- kit.System.Publish(t.Context(), actors.ActivityAdded{User: "alice"}) }()
		synctest.Wait()
		require.Empty(t, published, "the host waits as well")
		close(socket.stuck)
		<-done
		require.NoError(t, <-published)
		got := pushes(socket.Socket)
		require.Len(t, got, len(texts)+1)
		next := 0
		for _, text := range got {
			if text == texts[min(next, len(texts)-1)] {
				next++
			}
		}
		require.Equal(t, len(texts), next, "in order")
	})
}

// Large events count towards the in-flight limit by their size.
func TestFloodOfLargeEvents(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		socket := &stuckSocket{actorstest.NewSocket(), make(chan struct{})}
		go func() { _ = kit.System.Attach(kit.Login(t, "alice"), socket) }()
		synctest.Wait()
		taken := 0
		done := make(chan struct{})
		texts := slices.Repeat([]string{strings.Repeat("x", 500_000)}, 200)
		go func() {
			defer close(done)
			for i := range texts {
				customs(kit, "alice", texts[i:i+1])
				taken++
			}
		}()
		synctest.Wait()
		require.InDelta(t, 134, taken, 2, "64 MiB")
		close(socket.stuck)
		<-done
		require.Equal(t, texts, pushes(socket.Socket))
	})
}

func TestPublishGivesUp(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		socket := &stuckSocket{actorstest.NewSocket(), make(chan struct{})}
		go func() { _ = kit.System.Attach(kit.Login(t, "alice"), socket) }()
		synctest.Wait()
		var err error
		for n := 0; err == nil; n++ {
			require.Less(t, n, 80_000, "it never waited")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err = kit.System.Publish(ctx, actors.ActivityAdded{User: "alice"})
			cancel()
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)

		// A host that waits doesn't wait for ever: the shutdown ends it, before the flood does.
		waiting := make(chan error, 1)
		go func() { waiting <- kit.System.Publish(context.Background(), actors.ActivityAdded{User: "alice"}) }()
		synctest.Wait()
		now, cancel := context.WithCancel(t.Context())
		cancel()
		go kit.System.Shutdown(now)
		require.ErrorIs(t, <-waiting, actors.ErrShutDown)
		close(socket.stuck)
	})
}
