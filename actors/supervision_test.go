package actors_test

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/transport/frame"
)

// bubbleOnHost is bubble on an actor system that the test can look into.
func bubbleOnHost(t *testing.T, change func(*actors.Options), test func(*testing.T, *actorstest.Kit, *actor.ActorSystem)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		host := quietHost()
		kit := actorstest.Start(t, func(o *actors.Options) {
			o.ActorSystem = host
			if change != nil {
				change(o)
			}
		})
		synctest.Wait()
		test(t, kit, host)
	})
}

// actorIDs returns the ids of our actors with so many names in the path: 2 are those that are
// always there, 3 are users, 4 are connections.
func actorIDs(host *actor.ActorSystem, names int) (ids []string) {
	for _, bucket := range host.ProcessRegistry.LocalPIDs.LocalPIDs {
		bucket.IterCb(func(id string, _ any) {
			if strings.HasPrefix(id, "push") && strings.Count(id, "/")+1 == names {
				ids = append(ids, id)
			}
		})
	}
	slices.Sort(ids)
	return ids
}

// poison has every actor of a kind panic.
func poison(t *testing.T, host *actor.ActorSystem, kind string) {
	t.Helper()
	names := map[string]int{"user": 3, "connection": 4}[kind]
	poisoned := 0
	for _, id := range actorIDs(host, max(names, 2)) {
		if names > 0 || strings.Contains(id, "/"+kind) {
			host.Root.Send(host.NewLocalPID(id), actors.Poison[kind])
			poisoned++
		}
	}
	require.NotZero(t, poisoned, "no %s", kind)
	synctest.Wait()
}

// A panic in any actor, ten times over: what supervision promises to the connections, and that
// everything works afterwards.
func TestPanics(t *testing.T) {
	for kind, survive := range map[string]bool{
		"listener": true, "mapper": true, "auth": true, "registry": false, "user": false, "connection": false,
	} {
		t.Run(kind, func(t *testing.T) {
			core, logged := observer.New(zap.ErrorLevel)
			change := func(o *actors.Options) { o.Logger, o.NoDebounce, o.NoResync = zap.New(core), true, true }
			bubbleOnHost(t, change, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
				kit.Mounts.Set(mount(1, "alice", ""))
				for range 10 {
					alice, bob := kit.Connect(t, "alice"), kit.Connect(t, "bob")
					publish(t, kit, fileEvent(1, 1))
					require.Equal(t, []string{"notify_file"}, pushes(alice))
					before := kit.System.Stats().ActorFailures
					poison(t, host, kind)
					require.Greater(t, kit.System.Stats().ActorFailures, before)
					if survive {
						requireOpen(t, alice)
						requireOpen(t, bob)
						customs(kit, "bob", []string{"m"})
						require.Equal(t, []string{"m"}, pushes(bob))
						alice.End(actors.ClosedByClient)
						bob.End(actors.ClosedByClient)
						pass(time.Second)
					} else {
						requireClosed(t, alice, actors.InternalFailure)
						requireClosed(t, bob, actors.InternalFailure)
					}
					require.Zero(t, kit.System.Stats().ActiveConnections)
					require.Zero(t, kit.System.Stats().ActiveUsers)
					require.Empty(t, slices.Concat(actorIDs(host, 3), actorIDs(host, 4)), "actors are left")
				}
				require.Zero(t, kit.System.Stats().DeadLetters)
				entry := logged.FilterMessage("actor failed").All()[0].ContextMap()
				require.Contains(t, entry["actor"], "push")
				require.Contains(t, entry["stack"], "actors.(*"+kind+")")
			})
		})
	}
}

// What auth knew when it failed, it knows afterwards.
func TestPanickingAuthRemembers(t *testing.T) {
	bubbleOnHost(t, nil, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		alice := kit.Connect(t, "alice")
		kit.Verifier.Fail(errors.New("502"))
		_, err := authenticate(t, kit, wrongCredentials)
		require.EqualError(t, err, "502")
		kit.Verifier.Fail(nil)
		publish(t, kit, actors.TokenIssued{User: "alice", Token: "token"})
		poison(t, host, "auth")
		_, err = authenticate(t, kit, actors.Credentials{Password: "token"})
		require.NoError(t, err)
		pass(2 * time.Minute)
		require.Empty(t, kit.System.Problems())
		alice.End(actors.ConnectionLost)
		pass(time.Minute)
		kit.Login(t, "alice")
		require.Len(t, kit.Verifier.Calls(), 2)
	})
}

// Events that wait for the database when the mapper fails are sent afterwards, and so is what changed
// in a storage that is busy.
func TestPanickingMapperRemembers(t *testing.T) {
	bubbleOnHost(t, immediately, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		kit.Mounts.Set(mount(1, "alice", ""))
		alice := kit.Connect(t, "alice")
		kit.Mounts.Block()
		for i := range uint64(10_100) {
			publish(t, kit, fileEvent(1, i))
		}
		synctest.Wait()
		poison(t, host, "mapper")
		pass(30 * time.Second)
		poison(t, host, "mapper")
		kit.Mounts.Unblock()
		pass(2 * time.Second)
		require.Equal(t, 10_000, sent(alice), "and those that were too many to wait are counted")
		require.EqualValues(t, 100, kit.System.Stats().EventsExpired)
		require.Zero(t, kit.System.InFlight())
	})
	bubbleOnHost(t, nil, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		kit.Mounts.Set(mount(1, "alice", ""))
		alice := kit.Connect(t, "alice")
		alice.Say("listen notify_file_id")
		publish(t, kit, fileEvent(1, 1), fileEvent(1, 2), fileEvent(1, 3))
		synctest.Wait()
		poison(t, host, "mapper")
		pass(time.Second)
		require.Equal(t, []string{"notify_file_id [1,2,3]"}, pushes(alice))
		pass(time.Minute)
		publish(t, kit, fileEvent(1, 4))
		pass(time.Second)
		require.Equal(t, []string{"notify_file_id [1,2,3]", "notify_file_id [4]"}, pushes(alice), "it is not busy any more")
	})
}

// What is published while a listener that failed subscribes again is missed, and made good for.
func TestPanickingListenerResyncs(t *testing.T) {
	bubbleOnHost(t, immediately, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		alice := kit.Connect(t, "alice")
		poison(t, host, "listener")
		pass(time.Second)
		require.ElementsMatch(t, []string{"notify_file", "notify_activity", "notify_notification"}, pushes(alice))
	})
}

// brokenSocket panics in one of its methods.
type brokenSocket struct {
	*actorstest.Socket
	in string
}

func (s *brokenSocket) at(method string) {
	if s.in == method || s.in == "everywhere" {
		panic("socket is broken in " + method)
	}
}

func (s *brokenSocket) Serve(client actors.Client) { s.at("Serve"); s.Socket.Serve(client) }
func (s *brokenSocket) Resume()                    { s.at("Resume"); s.Socket.Resume() }
func (s *brokenSocket) Write(frames []byte) (bool, error) {
	s.at("Write")
	return s.Socket.Write(frames)
}
func (s *brokenSocket) Close(code int, text string) { s.Socket.Close(code, text); s.at("Close") }
func (s *brokenSocket) Address() string             { s.at("Address"); return "" }

// A socket that panics costs its own connection and no other, not even one of the same user, and
// the actor system still stops.
func TestBrokenSockets(t *testing.T) {
	for _, method := range []string{"Serve", "Resume", "Write", "Close", "Address", "everywhere"} {
		t.Run(method, func(t *testing.T) {
			bubbleOnHost(t, immediately, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
				healthy := kit.Connect(t, "alice")
				broken := &brokenSocket{actorstest.NewSocket(), method}
				require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), broken))
				synctest.Wait()
				broken.Say("hello")
				customs(kit, "alice", []string{"m"})
				switch method {
				case "Close":
					broken.End(actors.ClosedByClient)
				case "Address":
					require.Len(t, connections(t, kit, "alice"), 1, "who asks has an answer, which leaves the broken one out")
				}
				require.Equal(t, []string{"m"}, pushes(healthy))
				_, _, closed := broken.Closed()
				require.True(t, closed)
				stats := kit.System.Stats()
				require.EqualValues(t, 1, stats.ActiveConnections)
				require.EqualValues(t, 1, stats.ActiveUsers)
				require.NotZero(t, stats.ActorFailures)
				require.Len(t, actorIDs(host, 4), 1)
			})
		})
	}
}

// A port that panics is one that fails: it is logged, those concerned get an answer, and it is
// asked again.
func TestPanickingPorts(t *testing.T) {
	fail := func(kit *actorstest.Kit, on bool) {
		var hook func()
		if on {
			hook = func() { panic("port is broken") }
		}
		kit.Mounts.OnCall(hook)
		kit.Verifier.OnCall(hook)
		kit.Control.OnCall(hook)
		kit.Events.OnCall(hook)
	}
	bubble(t, func(o *actors.Options) { o.NoDebounce, o.NoResync = true, true }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""))
		alice := kit.Connect(t, "alice")
		fail(kit, true)
		_, err := authenticate(t, kit, wrongCredentials)
		require.EqualError(t, err, "internal failure")
		publish(t, kit, fileEvent(1, 1), actors.StatsRequested{}, actors.LogLevelSet{Spec: "debug"}, actors.ShareCreated{User: "alice"})
		pass(10 * time.Second)
		requireOpen(t, alice)
		require.Equal(t, []string{"database", "nextcloud", "redis"}, slices.Sorted(maps.Keys(kit.System.Problems())))

		fail(kit, false)
		pass(10 * time.Second)
		_, err = authenticate(t, kit, wrongCredentials)
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		require.Empty(t, kit.System.Problems())
		require.Equal(t, []string{"notify_file", "notify_file"}, pushes(alice), "of the share, and of the file that waited")
		customs(kit, "alice", []string{"m"})
		require.Contains(t, pushes(alice), "m")
	})
}

// A caller that waits for an answer of an actor that fails gets one.
func TestPanickingAuthAnswers(t *testing.T) {
	bubbleOnHost(t, nil, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		kit.Verifier.Block()
		errs := attempts(t, kit, 100, func(i int) actors.Credentials {
			return actors.Credentials{Login: fmt.Sprint("user", i), Password: "secret"}
		})
		poison(t, host, "auth")
		for range 100 {
			require.EqualError(t, <-errs, "internal failure")
		}
		kit.Verifier.Unblock()
		_, err := authenticate(t, kit, alicesCredentials)
		require.NoError(t, err)
	})
}

// unclosableSocket doesn't return from Close for a while.
type unclosableSocket struct {
	*actorstest.Socket
	stuck chan struct{}
}

func (s *unclosableSocket) Close(code int, text string) {
	<-s.stuck
	s.Socket.Close(code, text)
}

// So does a client on its way to a user that fails, or is stopped, before its turn comes.
func TestFailingUserAnswers(t *testing.T) {
	for kind, message := range map[string]any{"user": actors.Poison["user"], "registry": actors.Poison["registry"]} {
		t.Run(kind, func(t *testing.T) {
			bubbleOnHost(t, nil, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
				login := kit.Login(t, "alice")
				socket := &unclosableSocket{actorstest.NewSocket(), make(chan struct{})}
				require.NoError(t, kit.System.Attach(login, socket))
				synctest.Wait() // the registry has nothing to do with the user any more
				user := host.NewLocalPID(actorIDs(host, 3)[0])
				go host.Root.Send(user, actors.CloseAll)
				synctest.Wait() // the user is busy now, and what else it is sent queues up
				if kind == "user" {
					host.Root.Send(user, message)
				}
				attached, late := make(chan error, 1), actorstest.NewSocket()
				go func() { attached <- kit.System.Attach(login, late) }()
				synctest.Wait()
				if kind == "registry" {
					host.Root.Send(host.NewLocalPID(user.Id[:strings.LastIndex(user.Id, "/")]), message)
				}
				synctest.Wait()
				close(socket.stuck)
				select {
				case err := <-attached:
					require.EqualError(t, err, "internal failure")
				case <-time.After(time.Minute):
					t.Fatal("no answer")
				}
				require.Empty(t, late.Frames())
				synctest.Wait()
				require.Zero(t, kit.System.Stats().ActiveConnections)
				kit.Connect(t, "alice")
			})
		})
	}
}

// A listener that fails loses nothing that was received, and delivers nothing twice.
func TestPanickingListenerKeepsItsMail(t *testing.T) {
	bubbleOnHost(t, func(o *actors.Options) { o.NoDebounce, o.NoResync = true, true },
		func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
			alice := kit.Connect(t, "alice")
			listener := host.NewLocalPID(actorIDs(host, 1)[0] + "/listener")
			for batch := range slices.Chunk(numbered(1000), 100) {
				customs(kit, "alice", batch[:50])
				host.Root.Send(listener, actors.Poison["listener"])
				for _, text := range batch[50:] {
					publish(t, kit, actors.Custom{User: "alice", Text: text})
				}
				pass(time.Second) // until it has subscribed again
			}
			pass(time.Second)
			require.Equal(t, numbered(1000), pushes(alice))
			require.Equal(t, 1+10, kit.Events.Subscriptions(), "one at a time")
		})
}

// Connections go on, in goroutines of their sockets, while their registry fails and is restarted.
func TestRegistryRestartsUnderConnections(t *testing.T) {
	bubbleOnHost(t, immediately, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		for range 10 {
			var clients sync.WaitGroup
			for i := range 20 {
				socket := kit.Connect(t, fmt.Sprint("user", i))
				clients.Go(func() {
					for range 100 {
						socket.Send(frame.Frame{Opcode: frame.Ping})
						runtime.Gosched()
					}
				})
			}
			poison(t, host, "registry") // which waits for all of them
			clients.Wait()
		}
	})
}
