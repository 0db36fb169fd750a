package actors_test

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// quietHost returns the actor system of a host that logs nothing.
func quietHost() *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
}

// requireSeparate shows that what one system is sent does not reach the other's users.
func requireSeparate(t *testing.T, a, b *actorstest.Kit) {
	t.Helper()
	alice, other := a.Connect(t, "alice"), b.Connect(t, "alice")
	customs(a, "alice", []string{"a"})
	customs(b, "alice", []string{"b"})
	require.Equal(t, []string{"a"}, pushes(alice))
	require.Equal(t, []string{"b"}, pushes(other))
	require.EqualValues(t, 1, a.System.Stats().ActiveConnections)
	require.EqualValues(t, 1, b.System.Stats().EventsReceived)
}

func TestTwoSystemsInOneProcess(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, first *actorstest.Kit) {
		second := actorstest.Start(t, immediately)
		requireSeparate(t, first, second)
		second.System.Shutdown(t.Context())
		customs(first, "alice", []string{"still here"})
	})
}

// Two systems run on an actor system of the host's, leave nothing of theirs behind, and leave it
// running.
func TestOnTheHostsActorSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		host := quietHost()
		hosts := actorstest.NewProbe(t, host)
		onHost := func(o *actors.Options) { o.ActorSystem, o.NoDebounce = host, true }
		subscribers := host.EventStream.Length()
		first, second := actorstest.Start(t, onHost), actorstest.Start(t, onHost)
		synctest.Wait()
		requireSeparate(t, first, second)
		first.System.Shutdown(t.Context())
		pass(time.Second)
		require.False(t, host.IsStopped())
		socket := second.Connect(t, "bob")
		customs(second, "bob", []string{"m"})
		require.Equal(t, []string{"m"}, pushes(socket))
		second.System.Shutdown(t.Context())
		pass(time.Second)
		for names := range 5 {
			require.Empty(t, actorIDs(host, names))
		}
		require.Equal(t, subscribers, host.EventStream.Length())
		host.Root.Send(hosts.PID, "alive")
		require.Equal(t, "alive", hosts.Next(t))
	})
}

// processes returns how many actors there are on a host's actor system.
func processes(host *actor.ActorSystem) (n int) {
	for _, bucket := range host.ProcessRegistry.LocalPIDs.LocalPIDs {
		n += bucket.Count()
	}
	return n
}

// However often a system starts and stops on a host's actor system, it leaves no actor, subscription or
// dead letter behind; goleak looks for goroutines.
func TestNothingIsLeftOnTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		host := quietHost()
		var letters []string
		subscription := host.EventStream.Subscribe(func(event any) {
			letter, isLetter := event.(*actor.DeadLetterEvent)
			if !isLetter {
				return
			}
			if _, expected := letter.Message.(actor.IgnoreDeadLetterLogging); !expected {
				letters = append(letters, fmt.Sprintf("%T to %v", letter.Message, letter.PID))
			}
		})
		defer host.EventStream.Unsubscribe(subscription)
		actorsBefore, subscribers := processes(host), host.EventStream.Length()
		for range 10 {
			kit := actorstest.Start(t, func(o *actors.Options) { o.ActorSystem = host })
			alice := kit.Connect(t, "alice")
			kit.Mounts.Set(mount(1, "alice", ""))
			publish(t, kit, fileEvent(1, 1), actors.ActivityAdded{User: "alice"})
			pass(time.Second)
			alice.End(actors.ClosedByClient)
			kit.Connect(t, "bob")
			require.NoError(t, kit.System.Shutdown(t.Context()))
			pass(time.Second)
			require.Equal(t, subscribers, host.EventStream.Length())
			require.Equal(t, actorsBefore, processes(host))
		}
		require.Empty(t, letters)
	})
}

// The host's dead letters are not ours, and of two systems each counts its own.
func TestDeadLettersOfOurOwn(t *testing.T) {
	bubbleOnHost(t, nil, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		other := actorstest.Start(t, func(o *actors.Options) { o.ActorSystem = host })
		ours := actorIDs(host, 1)[0]
		for _, id := range []string{"somebody", ours + "1", ours + "/gone"} {
			host.Root.Send(host.NewLocalPID(id), "hello")
		}
		require.EqualValues(t, 1, kit.System.Stats().DeadLetters+other.System.Stats().DeadLetters)
	})
}

func TestVerifierIsNeeded(t *testing.T) {
	_, err := actors.New(actors.Ports{Events: actorstest.NewEvents()}, actors.Options{})
	require.ErrorContains(t, err, "Ports.Verifier is nil")
}

// A host that publishes by itself brings a Verifier and nothing else.
func TestOtherPortsMayBeNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system, err := actors.New(actors.Ports{Verifier: &actorstest.Verifier{}}, actors.Options{NoDebounce: true})
		require.NoError(t, err)
		require.Empty(t, system.Problems())
		system.Start()
		require.NoError(t, system.Ready(t.Context()))
		login, err := system.Authenticate(t.Context(), alicesCredentials)
		require.NoError(t, err)
		alice := actorstest.NewSocket()
		require.NoError(t, system.Attach(login, alice))
		publish(t, &actorstest.Kit{System: system}, fileEvent(1, 1), actors.LogLevelSet{Spec: "debug"}, actors.LogLevelRestored{}, actors.StatsRequested{},
			actors.ShareCreated{User: "alice"}, actors.Custom{User: "alice", Text: "hello"})
		require.Equal(t, []string{"notify_file", "hello"}, pushes(alice))
		require.NoError(t, system.Shutdown(t.Context()))
		pass(2 * time.Second)
	})
}

// What a host gives that cannot be is an error that says so.
func TestMistakesOfTheHost(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		socket := actorstest.NewSocket()
		alice := &actors.Login{Identity: actors.Identity{User: "alice"}}
		require.ErrorContains(t, kit.System.Attach(nil, socket), "needs a Login with a user")
		require.ErrorContains(t, kit.System.Attach(&actors.Login{}, socket), "needs a Login with a user")
		require.ErrorContains(t, kit.System.Attach(alice, nil), "needs a Socket")
		require.ErrorContains(t, kit.System.Publish(t.Context(), nil), "the Event is nil")
		require.ErrorContains(t, kit.System.Publish(t.Context(), actors.Custom{User: "alice", Text: "\xff"}), "not UTF-8")
		require.ErrorContains(t, kit.System.Publish(t.Context(), actors.Custom{}), "no user is named")
		_, err := kit.System.Send(t.Context(), "", "hello")
		require.ErrorContains(t, err, "no user is named")
		require.ErrorContains(t, kit.System.Disconnect(""), "no user is named", "or all logins would be forgotten")
		_, err = kit.System.Connections(t.Context(), "")
		require.ErrorContains(t, err, "no user is named")
		require.ErrorIs(t, kit.System.SendTo("", "hello"), actors.ErrNoConnection)
		require.Equal(t, "unknown memory", actors.Kind(-1).String()+" "+actors.FromMemory.String())
		kit.System.CountRefusal(200)
		kit.Verifier.Rename("alice", "")
		_, err = kit.System.Authenticate(t.Context(), alicesCredentials)
		require.EqualError(t, err, "the user id is empty")
		require.NoError(t, kit.System.Attach(alice, socket))
		socket.End(200)
		requireClosed(t, socket, actors.InternalFailure)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	ports := actors.Ports{Events: actorstest.NewEvents(), Mounts: &actorstest.Mounts{}, Verifier: &actorstest.Verifier{}, Control: &actorstest.Control{}}
	negative := actors.Options{MaxConnectionTime: -1, MaxConnectionsPerUser: -1, AuthTimeout: -1,
		AuthConcurrency: new(-1), DrainTimeout: new(-time.Second), MaxDebounceTime: new(time.Duration(-1)), AuthCacheTTL: new(-time.Second),
		AuthResume: new(-time.Second), AuthMaxAge: new(-time.Second), AuthRecheck: new(-time.Second), AuthRefusalTTL: new(-time.Second)}
	_, err := actors.New(ports, negative)
	for _, name := range []string{"MaxConnectionTime", "MaxConnectionsPerUser", "AuthTimeout", "AuthConcurrency", "DrainTimeout", "MaxDebounceTime",
		"AuthCacheTTL", "AuthResume", "AuthMaxAge", "AuthRecheck", "AuthRefusalTTL"} {
		require.ErrorContains(t, err, "actors: option "+name+" is -1")
	}
	_, err = actors.New(ports, actors.Options{DrainTimeout: new(-time.Second)})
	require.EqualError(t, err, "actors: option DrainTimeout is -1s; it must be 0 or more")
	_, err = actors.New(ports, actors.Options{})
	require.NoError(t, err)
}
