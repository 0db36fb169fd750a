package actors_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// herd connects clients of as many users, and returns how many of them are closed by now.
func herd(t *testing.T, kit *actorstest.Kit, clients int) (sockets []*actorstest.Socket, closed func() int) {
	t.Helper()
	for i := range clients {
		sockets = append(sockets, kit.Connect(t, fmt.Sprint("user", i)))
	}
	return sockets, func() (n int) {
		synctest.Wait()
		for _, socket := range sockets {
			if _, _, closed := socket.Closed(); closed {
				n++
			}
		}
		return n
	}
}

// Many connections are closed over DrainTimeout, few at 100 a second, each with 1012; and with
// DrainTimeout 0 all at once.
func TestShutdownIsSpread(t *testing.T) {
	for _, c := range []struct {
		clients int
		timeout time.Duration
		takes   time.Duration
	}{
		{1, 10 * time.Second, 20 * time.Millisecond},
		{200, 10 * time.Second, 2 * time.Second},
		{2000, 10 * time.Second, 10 * time.Second},
		{2000, 0, 20 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%d within %v", c.clients, c.timeout), func(t *testing.T) {
			bubble(t, func(o *actors.Options) { o.DrainTimeout = &c.timeout }, func(t *testing.T, kit *actorstest.Kit) {
				sockets, closed := herd(t, kit, c.clients)
				began := time.Now()
				down := make(chan time.Duration, 1)
				go func() {
					kit.System.Shutdown(t.Context())
					down <- time.Since(began)
				}()
				if c.takes > time.Second {
					time.Sleep(c.takes / 2)
					require.InDelta(t, c.clients/2, closed(), 3*math.Sqrt(float64(c.clients)), "six standard deviations")
				}
				require.LessOrEqual(t, <-down, c.takes+50*time.Millisecond)
				require.Equal(t, c.clients, closed())
				for _, socket := range sockets {
					requireClosed(t, socket, actors.ShuttingDown)
				}
				require.Zero(t, kit.System.Stats().ActiveConnections)
				require.Zero(t, kit.System.Stats().ActiveUsers)
				require.EqualValues(t, c.clients, kit.System.Stats().Closed[actors.ShuttingDown])
			})
		})
	}
}

// A caller that shuts down what another does already waits for the same end.
func TestShutdownTwiceAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		_, closed := herd(t, kit, 200)
		go kit.System.Shutdown(t.Context())
		time.Sleep(time.Second)
		require.Less(t, closed(), 200)
		kit.System.Shutdown(t.Context())
		require.Equal(t, 200, closed())
	})
}

// A host may have its handlers in place before Start, and its own ways to start and stop.
func TestNothingWorksBeforeStart(t *testing.T) {
	kit := actorstest.New(t, nil)
	_, err := kit.System.Authenticate(t.Context(), alicesCredentials)
	require.ErrorIs(t, err, actors.ErrNotStarted)
	require.ErrorIs(t, kit.System.Attach(&actors.Login{Identity: actors.Identity{User: "alice"}}, actorstest.NewSocket()), actors.ErrNotStarted)
	require.ErrorIs(t, kit.System.Publish(t.Context(), actors.Reset{}), actors.ErrNotStarted)
	require.ErrorIs(t, kit.System.Probe(t.Context()), actors.ErrNotStarted)
	_, err = kit.System.Logins(t.Context())
	require.ErrorIs(t, err, actors.ErrNotStarted)
	kit.System.Resume(nil)
}

func TestStartTwice(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		kit.System.Start()
		customs(kit, "alice", []string{"once"})
		require.Equal(t, []string{"once"}, pushes(alice))
		kit.System.Shutdown(t.Context())
		kit.System.Start()
		require.ErrorIs(t, kit.System.Publish(t.Context(), actors.Reset{}), actors.ErrShutDown)
	}) // which ends when no goroutine is left
}

func TestShutdownBeforeStart(t *testing.T) {
	kit := actorstest.New(t, nil)
	kit.System.Shutdown(t.Context())
}

// When there is no time left, what is left is closed at once, with the same code.
func TestShutdownIsCutShort(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		sockets, closed := herd(t, kit, 2000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		kit.System.Shutdown(ctx)
		require.LessOrEqual(t, time.Since(began), 1100*time.Millisecond)
		require.Equal(t, 2000, closed())
		for _, socket := range sockets {
			requireClosed(t, socket, actors.ShuttingDown)
		}
	})
}

// What was queued or held for a client leaves before the close frame.
func TestShutdownSendsWhatIsHeld(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *actorstest.Kit){
		"shutdown": func(t *testing.T, kit *actorstest.Kit) { kit.System.Shutdown(t.Context()) },
		"reset":    func(t *testing.T, kit *actorstest.Kit) { publish(t, kit, actors.Reset{}) },
		"lifetime": func(*testing.T, *actorstest.Kit) { pass(2 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(o *actors.Options) { o.MaxConnectionTime = time.Second }, func(t *testing.T, kit *actorstest.Kit) {
				alice := kit.Connect(t, "alice")
				publish(t, kit, actors.ActivityAdded{User: "alice"})
				pass(150 * time.Millisecond)
				publish(t, kit, actors.ActivityAdded{User: "alice"})
				customs(kit, "alice", numbered(100))
				synctest.Wait()
				end(t, kit)
				pass(time.Second)
				_, _, closed := alice.Closed()
				require.True(t, closed)
				require.ElementsMatch(t, append(numbered(100), "notify_activity", "notify_activity"), pushes(alice))
			})
		})
	}
}

// notify_signal reset closes every connection, spread as well, and new ones are welcome.
func TestReset(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		sockets, closed := herd(t, kit, 400)
		kit.Events.Emit("notify_signal", `"reset"`)
		pass(2 * time.Second)
		require.InDelta(t, 200, closed(), 50)
		pass(2 * time.Second)
		require.Equal(t, 400, closed())
		requireClosed(t, sockets[0], actors.ResetRequested)
		kit.Connect(t, "alice")
		pass(time.Minute)
		require.EqualValues(t, 1, kit.System.Stats().ActiveConnections)
	})
}

// After Shutdown, and while it is under way, nobody is let in, and nobody waits for an answer.
func TestNothingStartsAfterShutdown(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		herd(t, kit, 200)
		login := kit.Login(t, "alice")
		kit.Verifier.Block()
		waiting := attempts(t, kit, 50, func(i int) actors.Credentials {
			return actors.Credentials{Login: fmt.Sprint("late", i), Password: "secret"}
		})
		down := make(chan struct{})
		go func() {
			kit.System.Shutdown(t.Context())
			close(down)
		}()
		time.Sleep(time.Second)
		socket := actorstest.NewSocket()
		require.ErrorIs(t, kit.System.Attach(login, socket), actors.ErrShutDown)
		<-down
		for range 50 {
			require.ErrorIs(t, <-waiting, actors.ErrShutDown)
		}
		require.ErrorIs(t, kit.System.Attach(login, socket), actors.ErrShutDown)
		require.ErrorIs(t, kit.System.Publish(t.Context(), actors.Reset{}), actors.ErrShutDown)
		_, err := kit.System.Authenticate(t.Context(), alicesCredentials)
		require.ErrorIs(t, err, actors.ErrShutDown)
		require.Empty(t, socket.Frames())
		_, _, closed := socket.Closed()
		require.False(t, closed, "it is still the caller's")
		kit.System.Shutdown(t.Context()) // once more does no harm
	})
}

// Clients that come at the very moment of the shutdown: each socket is either the connection's,
// which closes it, or still the caller's. Never both, never neither.
func TestAttachDuringShutdown(t *testing.T) {
	for range 20 {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			const clients = 50
			login := kit.Login(t, "alice")
			sockets, errs := make([]*actorstest.Socket, clients), make(chan error, clients)
			taken := 0
			for i := range clients {
				sockets[i] = actorstest.NewSocket()
				go func() { errs <- kit.System.Attach(login, sockets[i]) }()
			}
			kit.System.Shutdown(t.Context())
			for range clients {
				if err := <-errs; err == nil {
					taken++
				} else {
					require.ErrorIs(t, err, actors.ErrShutDown)
				}
			}
			closed := 0
			for _, socket := range sockets {
				if code, _, ok := socket.Closed(); ok {
					closed++
					require.Equal(t, actors.ShuttingDown.Code(), code)
				}
			}
			require.Equal(t, taken, closed)
			require.Zero(t, kit.System.Stats().ActiveConnections)
		})
	}
}

// A client that was on its way in when the shutdown began is not let in.
func TestAttachBeforeShutdownHandledAfter(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		login := kit.Login(t, "alice")
		stuck := &stuckSocket{actorstest.NewSocket(), make(chan struct{})}
		go func() { _ = kit.System.Attach(login, stuck) }()
		synctest.Wait()
		late, attached, down := actorstest.NewSocket(), make(chan error, 1), make(chan struct{})
		go func() { attached <- kit.System.Attach(login, late) }()
		synctest.Wait()
		go func() {
			kit.System.Shutdown(t.Context())
			close(down)
		}()
		synctest.Wait()
		close(stuck.stuck)
		require.ErrorIs(t, <-attached, actors.ErrShutDown)
		<-down
		require.Empty(t, late.Frames())
	})
}

// slowToServe takes its time in Serve.
type slowToServe struct {
	*actorstest.Socket
	proceed chan struct{}
}

func (s *slowToServe) Serve(client actors.Client) {
	<-s.proceed
	s.Socket.Serve(client)
}

// A socket that is being taken when the shutdown has come to its end is the connection's, and who
// attached it learns that.
func TestAttachHandledDuringShutdown(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		socket := &slowToServe{actorstest.NewSocket(), make(chan struct{})}
		attached := make(chan error, 1)
		go func() { attached <- kit.System.Attach(kit.Login(t, "alice"), socket) }()
		synctest.Wait()
		now, cancel := context.WithCancel(t.Context())
		cancel()
		down := make(chan struct{})
		go func() {
			kit.System.Shutdown(now)
			close(down)
		}()
		synctest.Wait()
		require.Empty(t, attached)
		close(socket.proceed)
		require.NoError(t, <-attached)
		<-down
		requireClosed(t, socket.Socket, actors.ShuttingDown)
	})
}

// Shutdown waits for ports that don't heed their context, as long as its own context lasts.
func TestShutdownWaitsForPorts(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		proceed, down := make(chan struct{}), make(chan error, 1)
		kit.Verifier.OnCall(func() { <-proceed })
		attempts(t, kit, 1, func(int) actors.Credentials { return alicesCredentials })
		go func() { down <- kit.System.Shutdown(t.Context()) }()
		pass(time.Minute)
		require.Empty(t, down)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, kit.System.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, 2*time.Second, time.Since(began))
		close(proceed)
		require.NoError(t, <-down)
		require.NoError(t, kit.System.Shutdown(ctx))
	})
}

// Shutdown ends what ports are busy with, and waits for it.
func TestShutdownEndsPorts(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		kit.Mounts.Block()
		kit.Verifier.Block()
		publish(t, kit, fileEvent(1, 1), actors.ShareCreated{User: "alice"})
		attempts(t, kit, 1, func(int) actors.Credentials { return wrongCredentials })
		kit.System.Shutdown(t.Context())
		pass(2 * time.Second) // for the runtime's own
		// synctest fails when a goroutine is left
	})
}

// A flood that is under way does not keep the system from stopping.
func TestShutdownUnderLoad(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		herd(t, kit, 20)
		for i := range 4 {
			go func() {
				for n := 0; ; n++ {
					err := kit.System.Publish(context.Background(), actors.Custom{User: fmt.Sprint("user", (n+i)%20), Text: "m"})
					if err != nil {
						return
					}
				}
			}()
		}
		kit.System.Shutdown(t.Context())
		pass(2 * time.Second)
		require.Zero(t, kit.System.Stats().ActiveConnections)
	})
}
