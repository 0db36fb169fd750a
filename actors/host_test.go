package actors_test

import (
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

// requireSeparate shows that what one system is told does not reach the other's users.
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

func TestPortsAreNeeded(t *testing.T) {
	_, err := actors.New(actors.Ports{Events: actorstest.NewEvents()}, actors.DefaultOptions())
	require.ErrorContains(t, err, "a port is missing")
}

func TestOptionsAreChecked(t *testing.T) {
	ports := actors.Ports{Events: actorstest.NewEvents(), Mounts: &actorstest.Mounts{}, Verifier: &actorstest.Verifier{}, Control: &actorstest.Control{}}
	for want, change := range map[string]func(*actors.Options){
		"actors: option MaxConnectionsPerUser is 0, it must be 1 or more": func(o *actors.Options) { o.MaxConnectionsPerUser = 0 },
		"actors: option AuthConcurrency is -1, it must not be negative":   func(o *actors.Options) { o.AuthConcurrency = -1 },
		"actors: option DrainTimeout is -1s, it must not be negative":     func(o *actors.Options) { o.DrainTimeout = -time.Second },
		"actors: option MaxDebounceTime is -1ns, it must not be negative": func(o *actors.Options) { o.MaxDebounceTime = -1 },
	} {
		options := actors.DefaultOptions()
		change(&options)
		_, err := actors.New(ports, options)
		require.EqualError(t, err, want)
	}
	for range 20 { // of several, always the same
		options := actors.DefaultOptions()
		options.AuthConcurrency, options.MaxConnectionsPerUser = -1, 0
		_, err := actors.New(ports, options)
		require.ErrorContains(t, err, "MaxConnectionsPerUser")
	}
}

// The defaults are the contract's.
func TestDefaultOptions(t *testing.T) {
	o := actors.DefaultOptions()
	require.Equal(t, actors.Options{
		MaxDebounceTime: 15 * time.Second, MaxConnectionsPerUser: 64,
		AuthCacheTTL: time.Minute, AuthResume: 2 * time.Minute, AuthMaxAge: 12 * time.Hour, AuthRefusalTTL: 5 * time.Second, AuthConcurrency: 32,
		DrainTimeout: 10 * time.Second,
	}, o)
}
