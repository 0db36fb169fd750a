package nextcloud

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit/certtest"
)

// rawNextcloud answers each request over one connection with the next text, and closes it when there is none.
func rawNextcloud(t *testing.T, answers ...string) (client *Client, opened *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	opened = &atomic.Int32{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			opened.Add(1)
			reader := bufio.NewReader(conn)
			for _, answer := range answers {
				if _, err := http.ReadRequest(reader); err != nil {
					break
				}
				_, _ = io.WriteString(conn, answer)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return newTestClient(t, "http://"+listener.Addr().String(), nil), opened
}

const aliceAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalice"

// What Nextcloud and the servers before it may send, which is all that RFC 9112 allows.
func TestKeptConnections(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		reused       bool
	}{
		{"length", aliceAnswer, true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nali\r\n2\r\nce\r\n0\r\n\r\n", true},
		{"a continue before it", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + aliceAnswer, true},
		{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nalice", false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nalice", false},
		{"bytes that nobody asked for", aliceAnswer + "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nmallory", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			nextcloud, opened := rawNextcloud(t, test.answer, test.answer)
			for range 2 {
				user, err := nextcloud.Verify(t.Context(), alice)
				require.NoError(t, err)
				require.Equal(t, "alice", user.User)
			}
			require.Equal(t, map[bool]int32{true: 1, false: 2}[test.reused], opened.Load())
		})
	}
}

// A connection that Nextcloud has closed meanwhile is no failure; one that it closes at once is.
func TestKeptConnectionIsClosed(t *testing.T) {
	nextcloud, opened := rawNextcloud(t, aliceAnswer)
	for range 3 {
		user, err := nextcloud.Verify(t.Context(), alice)
		require.NoError(t, err)
		require.Equal(t, "alice", user.User)
	}
	require.EqualValues(t, 3, opened.Load())

	nextcloud, opened = rawNextcloud(t)
	_, err := nextcloud.Verify(t.Context(), alice)
	require.EqualError(t, err, "Nextcloud cannot be reached")
	require.EqualValues(t, 1, opened.Load(), "a new connection is not tried again")
}

// Half of a user id is none.
func TestTruncatedAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nali",
		"chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nali\r\n",
		"header": "HTTP/1.1 200 OK\r\nContent-Len",
		"none":   "HTTP/1.1 200",
	} {
		for way, change := range map[string]func(*Client){
			"kept":     func(*Client) {},
			"net/http": func(n *Client) { n.kept = nil },
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				nextcloud, _ := rawNextcloud(t, answer)
				change(nextcloud)
				_, err := nextcloud.Verify(t.Context(), alice)
				require.EqualError(t, err, "Nextcloud cannot be reached")
				requireDiscreet(t, err)
			})
		}
	}
}

func TestHeaderWithoutEnd(t *testing.T) {
	nextcloud, _ := rawNextcloud(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 1000))
	_, err := nextcloud.Verify(t.Context(), alice)
	require.EqualError(t, err, "Nextcloud cannot be reached")
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			reader := bufio.NewReader(theirs)
			for {
				if _, err := http.ReadRequest(reader); err != nil {
					return
				}
				_, _ = io.WriteString(theirs, aliceAnswer)
			}
		}()
		nextcloud, err := New(Options{BaseURL: "http://cloud.example"})
		require.NoError(t, err)
		defer nextcloud.Close()
		nextcloud.kept.dial = func(context.Context) (net.Conn, error) { return ours, nil }
		_, err = nextcloud.Verify(t.Context(), alice)
		require.NoError(t, err)
		time.Sleep(idleTime - time.Second)
		_, err = nextcloud.Verify(t.Context(), alice)
		require.NoError(t, err)
		started := time.Now()
		<-closed
		require.Equal(t, idleTime, time.Since(started))
	})
}

// The buffer of a connection holds no login, as soon as that is written.
func TestBuffersAreCleared(t *testing.T) {
	for _, credentials := range []actors.Credentials{alice, {Login: "alice", Password: actors.Secret(strings.Repeat("long", 1000))}} {
		nextcloud := nextcloudAt(t, says(200, "alice"), nil)
		_, err := nextcloud.Verify(t.Context(), credentials)
		require.NoError(t, err)
		require.Len(t, nextcloud.kept.idle, 1)
		out := nextcloud.kept.idle[0].out
		require.Equal(t, make([]byte, cap(out)), out[:cap(out)])
	}
}

// What only net/http's client knows is left to it.
func TestLoginsThatAreLeftToNetHTTP(t *testing.T) {
	for name, options := range map[string]Options{
		"a name that is not ASCII": {BaseURL: "https://bücher.example"},
		"a user agent of lines":    {BaseURL: "https://cloud.example", UserAgent: "push\r\nX: y"},
	} {
		nextcloud, err := New(options)
		require.NoError(t, err)
		require.Nil(t, nextcloud.kept, name)
	}
	n, err := New(Options{BaseURL: "https://cloud.example"})
	require.NoError(t, err)
	through := &http.Transport{Proxy: http.ProxyURL(n.base)}
	require.Nil(t, newKeptConns(n, Options{}, through))
	through.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("no such proxy") }
	require.Nil(t, newKeptConns(n, Options{}, through))
}

func BenchmarkVerify(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "alice") }))
	b.Cleanup(server.Close)
	for name, change := range map[string]func(*Client){
		"kept":     func(*Client) {},
		"net/http": func(n *Client) { n.kept = nil },
	} {
		b.Run(name, func(b *testing.B) {
			nextcloud := newTestClient(b, server.URL, nil)
			change(nextcloud)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := nextcloud.Verify(b.Context(), alice); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// relay passes on what both ends say, each byte to the first one after a while.
func relay(first, second net.Conn, after time.Duration) {
	go func() {
		defer second.Close()
		_, _ = io.Copy(second, first)
	}()
	defer first.Close()
	one := make([]byte, 1)
	for {
		if _, err := second.Read(one); err != nil {
			return
		}
		time.Sleep(after)
		if _, err := first.Write(one); err != nil {
			return
		}
	}
}

// TestReadLooksAgain has each byte take longer than it takes a request to look at its context, also in the middle of a TLS record.
func TestReadLooksAgain(t *testing.T) {
	cert, key := certtest.NewAuthority(t, t.TempDir()).Issue("localhost", "localhost")
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprint("encrypted ", encrypted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, first := net.Pipe()
				second, far := net.Pipe()
				go relay(first, second, 3*endNoticed)
				if encrypted {
					near, far = tls.Client(near, &tls.Config{InsecureSkipVerify: true}), tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}})
				}
				defer time.Sleep(time.Hour) // until the relay has noticed
				defer near.Close()
				go func() {
					defer far.Close()
					_, _ = io.WriteString(far, "alice")
					_, _ = io.Copy(io.Discard, far)
				}()
				if encrypted {
					require.NoError(t, near.(*tls.Conn).Handshake())
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := &keptConn{Conn: near, ctx: ctx, deadline: time.Now().Add(time.Hour)}
				got := make([]byte, 5)
				_, err := io.ReadFull(c, got)
				require.NoError(t, err)
				require.Equal(t, "alice", string(got))

				c.deadline = time.Now().Add(time.Minute + endNoticed/2)
				_, err = c.Read(got)
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Equal(t, c.deadline, time.Now())

				began := time.Now()
				c.deadline = began.Add(time.Hour)
				time.AfterFunc(endNoticed*5/2, cancel)
				_, err = c.Read(got)
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Equal(t, 3*endNoticed, time.Since(began))
			})
		})
	}
}
