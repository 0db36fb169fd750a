package actors_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// stream is a MessageTransport that a test controls.
type stream struct {
	mu     sync.Mutex
	calls  []string
	err    error
	silent bool // a Ping has no answer
	slow   time.Duration
}

func (s *stream) call(ctx context.Context, format string, values ...any) error {
	s.mu.Lock()
	s.calls = append(s.calls, fmt.Sprintf(format, values...))
	err, slow := s.err, s.slow
	s.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	return err
}

func (s *stream) Send(ctx context.Context, text string) error { return s.call(ctx, "send %s", text) }

func (s *stream) Ping(ctx context.Context) error {
	err := s.call(ctx, "ping")
	s.mu.Lock()
	silent := s.silent
	s.mu.Unlock()
	if silent {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *stream) Close(code int, text string) {
	_ = s.call(context.Background(), "close %d %s", code, text)
}

func (*stream) Address() string   { return "192.0.2.1" }
func (*stream) UserAgent() string { return "curl" }

// set changes how the stream behaves.
func (s *stream) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *stream) log() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func attachStream(t *testing.T, kit *actorstest.Kit, s *stream) *actors.MessageSocket {
	t.Helper()
	socket := actors.NewMessageSocket(s)
	require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), socket))
	synctest.Wait()
	return socket
}

func requireDone(t *testing.T, socket *actors.MessageSocket) {
	t.Helper()
	synctest.Wait()
	select {
	case <-socket.Done():
	default:
		require.Fail(t, "the transport is still open")
	}
	socket.Received("after the end")
	socket.Ended(actors.ConnectionLost)
}

func TestMessageSocket(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		s := &stream{}
		socket := attachStream(t, kit, s)
		list := connections(t, kit, "alice")
		require.Equal(t, []string{"192.0.2.1", "curl"}, []string{list[0].Address, list[0].UserAgent})
		kit.Mounts.Set(mount(1, "alice", ""))
		publish(t, kit, fileEvent(1, 1))
		require.Contains(t, s.log(), "send notify_file")
		socket.Received("listen notify_file_id")
		socket.Received("something else")
		publish(t, kit, fileEvent(1, 2))
		synctest.Wait()
		customs(kit, "alice", []string{"a", "b"})
		require.Equal(t, []string{"send authenticated", "send notify_file", "send notify_file_id [2]", "send a", "send b"}, s.log())
		pass(5 * time.Minute)
		require.Len(t, connections(t, kit, "alice"), 1)
		require.Equal(t, "ping", s.log()[5])
		socket.Ended(actors.ClosedByClient)
		requireDone(t, socket)
		require.Equal(t, "close 1000 ", s.log()[len(s.log())-1])
		require.EqualValues(t, 1, kit.System.Stats().Closed[actors.ClosedByClient])
	})
}

// Every ending closes the transport, once, after its other calls.
func TestEndsOfMessageSockets(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, kit *actorstest.Kit, s *stream)
		want []string
		why  actors.CloseReason
	}{
		"shut down": {func(t *testing.T, kit *actorstest.Kit, _ *stream) {
			require.NoError(t, kit.System.Shutdown(t.Context()))
		},
			[]string{"close 1012 server is going down"}, actors.ShuttingDown},
		"send fails": {func(_ *testing.T, kit *actorstest.Kit, s *stream) {
			s.set(func() { s.err = errors.New("broken pipe") })
			customs(kit, "alice", []string{"a"})
		}, []string{"send a", "close 0 "}, actors.ConnectionLost},
		"send is slow": {func(_ *testing.T, kit *actorstest.Kit, s *stream) {
			s.set(func() { s.slow = 2 * time.Minute })
			customs(kit, "alice", []string{"a"})
			pass(5 * time.Minute)
		}, []string{"send a", "close 0 "}, actors.ConnectionLost},
		"ping has no answer": {func(_ *testing.T, _ *actorstest.Kit, s *stream) {
			s.set(func() { s.silent = true })
			pass(65 * time.Second)
		}, []string{"ping", "close 1008 ping was not answered"}, actors.PongMissing},
		"disconnected behind a message": {func(t *testing.T, kit *actorstest.Kit, s *stream) {
			s.set(func() { s.slow = time.Second })
			customs(kit, "alice", []string{"a"})
			synctest.Wait()
			require.NoError(t, kit.System.Disconnect("alice"))
			pass(5 * time.Second)
		}, []string{"send a", "close 1008 disconnected by the server"}, actors.Disconnected},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				s := &stream{}
				socket := attachStream(t, kit, s)
				c.end(t, kit, s)
				requireDone(t, socket)
				require.Equal(t, append([]string{"send authenticated"}, c.want...), s.log())
				require.EqualValues(t, 1, kit.System.Stats().Closed[c.why])
			})
		})
	}
}

func TestMessageSocketThatIsNotAttached(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.MaxConnectionsPerUser = 1 }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		s := &stream{}
		require.ErrorIs(t, kit.System.Attach(kit.Login(t, "alice"), actors.NewMessageSocket(s)), actors.ErrTooManyConnections)
		require.Empty(t, s.log())
		require.ErrorContains(t, kit.System.Attach(kit.Login(t, "alice"), actors.NewMessageSocket(nil)), "needs a Socket")
	})
}
