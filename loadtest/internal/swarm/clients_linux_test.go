package swarm

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/loadtest/internal/wire"
	"github.com/notifypush/notifypush/transport/frame"
)

// connectTo has one client connect to a server that says answer after the handshake, reads the login, and ends the connection. Bytes that
// it has not read make that end a reset.
func connectTo(t *testing.T, roster Roster, answer []byte, readLogin bool) (*clientSet, <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	received, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		request := make([]byte, 1<<10)
		n, _ := conn.Read(request)
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: "+wire.HandshakeAccept+"\r\n\r\n"+string(answer))
		if readLogin {
			m, _ := conn.Read(request[n:])
			n += m
		}
		received <- string(request[:n])
	}()
	roster.Endpoints = append(roster.Endpoints, Endpoint{netip.MustParseAddrPort(listener.Addr().String()), "/ws"})
	roster.Clients, roster.Stride, roster.PerUser, roster.Backoff = 1, 1, 1, time.Hour
	s, err := newClientSet(roster)
	require.NoError(t, err)
	t.Cleanup(func() { s.close(); listener.Close(); <-ended })
	s.startRamp(1, 0, 0, connect{})
	return s, received
}

// disconnects waits until a connection has ended and no client is online.
func disconnects(t *testing.T, s *clientSet) Counters {
	t.Helper()
	require.Eventually(t, func() bool {
		c := s.record.snapshot()
		return c.Disconnected() > 0 && c.Online == 0
	}, time.Minute, time.Millisecond)
	return s.record.snapshot()
}

func TestTheEndMayComeWithTheLastFrame(t *testing.T) {
	s, _ := connectTo(t, Roster{}, frame.Append(nil, frame.Text, "authenticated"), true)
	c := disconnects(t, s)
	require.Equal(t, 1, c.Logins)
	require.Zero(t, c.Refused)
}

// nobody is an endpoint at which nobody listens.
func nobody(t *testing.T) Endpoint {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return Endpoint{netip.MustParseAddrPort(listener.Addr().String()), "/ws"}
}

func TestEndpointsAtWhichNobodyListensAreSkipped(t *testing.T) {
	s, _ := connectTo(t, Roster{Endpoints: []Endpoint{nobody(t), nobody(t)}}, frame.Append(nil, frame.Text, "authenticated"), true)
	c := disconnects(t, s)
	require.Equal(t, 1, c.Logins)
	require.Equal(t, 1, c.Dials, "that is one dial, as through a balancer")
	require.Equal(t, map[string]int{errEnded.Error(): 1}, c.Disconnects)
}

func TestNobodyListensAnywhere(t *testing.T) {
	s, err := newClientSet(Roster{Endpoints: []Endpoint{nobody(t), nobody(t), nobody(t)}, Clients: 1, Stride: 1, PerUser: 1, Backoff: time.Hour})
	require.NoError(t, err)
	defer s.close()
	s.startRamp(1, 0, 0, connect{})
	require.Equal(t, map[string]int{unix.ECONNREFUSED.Error(): 1}, disconnects(t, s).Disconnects)
}

func TestClientsGoToEndpointsInTurn(t *testing.T) {
	s := &clientSet{roster: Roster{Endpoints: make([]Endpoint, 3)}}
	for i := range 7 {
		require.EqualValues(t, i%3, s.nextEndpoint())
	}
}

// A refusal is a text and then the end of TCP, with a reset when the server has not waited for the login.
func TestRefusalsWithoutACloseFrame(t *testing.T) {
	refusal := frame.Append(nil, frame.Text, "err: Invalid credentials")
	for name, readLogin := range map[string]bool{"after the login": true, "before the login": false} {
		t.Run(name, func(t *testing.T) {
			s, _ := connectTo(t, Roster{}, refusal, readLogin)
			c := disconnects(t, s)
			require.Equal(t, 1, c.Refused)
			require.Equal(t, map[string]int{"refused: err: Invalid credentials": 1}, c.Disconnects)
		})
	}
}

func TestACloseFrameAfterARefusalIsTold(t *testing.T) {
	s, _ := connectTo(t, Roster{}, frame.AppendClose(frame.Append(nil, frame.Text, "err: no"), 1008, ""), true)
	disconnects(t, s)
	require.Eventually(t, func() bool {
		return s.record.snapshot().Disconnects["close frame after a refusal: clients do not come back"] == 1
	}, time.Minute, time.Millisecond)
	require.Equal(t, 1, s.record.snapshot().Refused)
}

func TestAnEndBeforeAnAnswerIsNoRefusal(t *testing.T) {
	s, _ := connectTo(t, Roster{}, nil, true)
	c := disconnects(t, s)
	require.Zero(t, c.Refused)
	require.Equal(t, map[string]int{errEnded.Error(): 1}, c.Disconnects)
}

func TestCredentialsOfTheCaller(t *testing.T) {
	s, received := connectTo(t, Roster{Fetch: func(index int, user string) (*Credentials, error) {
		return &Credentials{Header: http.Header{"Cookie": {"user=" + user}}, Messages: []string{"let me in"}}, nil
	}}, nil, true)
	request, messages, _ := bytes.Cut([]byte(<-received), []byte("\r\n\r\n"))
	require.Contains(t, string(request), "\r\nCookie: user=load000000")
	require.Len(t, messages, 2+4+len("let me in"))
	disconnects(t, s)
}
