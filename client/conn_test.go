package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
)

func TestPushesArriveTypedAndInOrder(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	conn := mustDial(t, pushServer(t, admit(say(
		"notify_file",
		"notify_file_id [1,18446744073709551615]",
		"notify_activity",
		"notify_notification",
		`my_app {"amount":1.10}`,
		long,
	))))

	before := time.Now()
	for _, want := range []client.Push{
		{Kind: client.File},
		{Kind: client.FileIDs, FileIDs: []uint64{1, 18446744073709551615}},
		{Kind: client.Activity},
		{Kind: client.Notification},
		{Kind: client.Custom, Message: "my_app", Body: json.RawMessage(`{"amount":1.10}`)},
		{Kind: client.Custom, Message: long},
	} {
		push, err := conn.Read(t.Context())
		require.NoError(t, err)
		require.WithinRange(t, push.At, before, time.Now())
		push.At = time.Time{}
		require.Equal(t, want, push)
	}
}

func TestFileIDsAreAskedForAfterLogin(t *testing.T) {
	asked := make(chan string, 1)
	opts := pushServer(t, admit(func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		asked <- read(t, ctx, ws)
		untilGone(t, ctx, ws)
	}))
	opts.FileIDs = true
	mustDial(t, opts)
	require.Equal(t, "listen notify_file_id", <-asked)
}

func TestTokenGoesWithoutUser(t *testing.T) {
	opts := pushServer(t, func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		assert.Equal(t, "", read(t, ctx, ws))
		assert.Equal(t, "the token", read(t, ctx, ws))
		write(t, ctx, ws, "authenticated")
		untilGone(t, ctx, ws)
	})
	opts.Token = "the token"
	mustDial(t, opts)
}

func TestEachRefusalIsItsOwnError(t *testing.T) {
	for text, want := range map[string]error{
		"err: Invalid credentials":            client.ErrInvalidCredentials,
		"err: Invalid authentication message": client.ErrAuthMessage,
		"Authentication timeout":              client.ErrAuthTimeout,
		"Connection limit exceeded for user":  client.ErrLimitExceeded,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := client.Dial(t.Context(), pushServer(t, answer(text)))
			require.ErrorIs(t, err, want)
			require.NotContains(t, err.Error(), "secret")
		})
	}

	t.Run("Nextcloud's error", func(t *testing.T) {
		_, err := client.Dial(t.Context(), pushServer(t, answer("err: Error while sending authentication request to nextcloud: 502 Bad Gateway")))
		var failed *client.NextcloudError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "502 Bad Gateway", failed.Text)
	})
	t.Run("unknown", func(t *testing.T) {
		_, err := client.Dial(t.Context(), pushServer(t, answer("err: Too hot today")))
		require.ErrorContains(t, err, "Too hot today")
	})
	t.Run("closed without a word", func(t *testing.T) {
		_, err := client.Dial(t.Context(), pushServer(t, func(_ *testing.T, _ context.Context, ws *websocket.Conn) {
			ws.Close(websocket.StatusServiceRestart, "")
		}))
		require.Equal(t, 1012, client.CloseCode(err))
	})
}

func TestReadTellsHowTheConnectionEnded(t *testing.T) {
	tests := map[string]struct {
		end    script
		verify func(t *testing.T, err error)
	}{
		"close code": {
			end: func(_ *testing.T, _ context.Context, ws *websocket.Conn) { ws.Close(websocket.StatusGoingAway, "bye") },
			verify: func(t *testing.T, err error) {
				require.Equal(t, 1001, client.CloseCode(err))
				require.ErrorContains(t, err, "bye")
			},
		},
		"bare end": {
			end:    func(_ *testing.T, _ context.Context, ws *websocket.Conn) { ws.CloseNow() },
			verify: func(t *testing.T, err error) { require.ErrorIs(t, err, io.EOF); require.Zero(t, client.CloseCode(err)) },
		},
		"limit counted after the login": {
			end:    say("Connection limit exceeded for user"),
			verify: func(t *testing.T, err error) { require.ErrorIs(t, err, client.ErrLimitExceeded) },
		},
		"binary message": {
			end: func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
				assert.NoError(t, ws.Write(ctx, websocket.MessageBinary, []byte{1}))
				untilGone(t, ctx, ws)
			},
			verify: func(t *testing.T, err error) { require.ErrorContains(t, err, "binary") },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn := mustDial(t, pushServer(t, admit(test.end)))
			_, err := conn.Read(t.Context())
			require.Error(t, err)
			test.verify(t, err)
			_, err = conn.Read(t.Context())
			require.ErrorIs(t, err, net.ErrClosed, "a failed connection stays closed")
		})
	}
}

func TestContextEndsRead(t *testing.T) {
	conn := mustDial(t, pushServer(t, admit(untilGone)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := conn.Read(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestCloseSendsCloseFrame(t *testing.T) {
	code := make(chan websocket.StatusCode, 1)
	conn := mustDial(t, pushServer(t, admit(func(_ *testing.T, ctx context.Context, ws *websocket.Conn) {
		_, _, err := ws.Read(ctx)
		code <- websocket.CloseStatus(err)
	})))
	require.NoError(t, conn.Close())
	require.Equal(t, websocket.StatusNormalClosure, <-code)
}

func TestPingIsAnswered(t *testing.T) {
	conn := mustDial(t, pushServer(t, admit(func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		ctx = ws.CloseRead(ctx)
		if assert.NoError(t, ws.Ping(ctx)) {
			write(t, ctx, ws, "notify_file")
		}
		<-ctx.Done()
	})))
	push, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, client.File, push.Kind)
}

func TestRefusedHandshake(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		want    client.StatusError
	}{
		"no upgrade": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "header Upgrade is missing", http.StatusUpgradeRequired)
			},
			want: client.StatusError{Status: 426, Text: "header Upgrade is missing"},
		},
		"full": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "30")
				http.Error(w, "too many connections", http.StatusServiceUnavailable)
			},
			want: client.StatusError{Status: 503, Text: "too many connections", RetryAfter: 30 * time.Second},
		},
		"a web page": {
			handler: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html>\n<html>") },
			want:    client.StatusError{Status: 200},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, httpClient := serve(t, test.handler)
			_, err := client.Dial(t.Context(), client.Options{Endpoint: websocketAddress(address), HTTPClient: httpClient})

			test.want.Request = client.RequestWebsocket
			test.want.URL = websocketAddress(address)
			var status *client.StatusError
			require.ErrorAs(t, err, &status)
			require.Equal(t, test.want, *status)
		})
	}

	t.Run("a proxy that spoils the answer's headers", func(t *testing.T) {
		address, httpClient := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			connection, buffered, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				defer connection.Close()
				buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				buffered.Flush()
			}
		}))
		_, err := client.Dial(t.Context(), client.Options{Endpoint: websocketAddress(address), HTTPClient: httpClient})
		require.ErrorContains(t, err, "Sec-WebSocket-Accept")
	})
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	_, err = client.Dial(t.Context(), client.Options{Endpoint: "ws://" + address + "/ws", User: "alice", Password: "secret"})
	require.ErrorContains(t, err, "connect to the push server at ws://"+address+"/ws: ")
	var failed *net.OpError
	require.ErrorAs(t, err, &failed)
}

func TestPasswordInAddressIsNotShown(t *testing.T) {
	_, err := client.Dial(t.Context(), client.Options{Endpoint: "foo://alice:hidden@localhost/"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hidden")
	_, err = client.Dial(t.Context(), client.Options{Nextcloud: "foo://alice:hidden@localhost/"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hidden")
}

func TestOptionsWithoutAddress(t *testing.T) {
	_, err := client.Dial(t.Context(), client.Options{User: "alice"})
	require.ErrorContains(t, err, "neither")
	_, err = client.Dial(t.Context(), client.Options{Endpoint: "ws://localhost/ws", PreAuth: true})
	require.ErrorContains(t, err, "no address")
}

func TestSilenceEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		httpClient := serveInMemory(t, admit(untilGone).handler(t))
		conn := mustDial(t, client.Options{Endpoint: "ws://push/ws", User: "alice", Password: "secret", HTTPClient: httpClient})

		start := time.Now()
		_, err := conn.Read(t.Context())
		require.ErrorIs(t, err, client.ErrSilent)
		require.Equal(t, 90*time.Second, time.Since(start))
	})
}

func TestHeartbeatKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heartbeats := func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
			ctx = ws.CloseRead(ctx)
			for range 10 {
				time.Sleep(30 * time.Second)
				assert.NoError(t, ws.Ping(ctx))
			}
			write(t, ctx, ws, "notify_file")
			<-ctx.Done()
		}
		httpClient := serveInMemory(t, admit(heartbeats).handler(t))
		conn := mustDial(t, client.Options{Endpoint: "ws://push/ws", User: "alice", Password: "secret", HTTPClient: httpClient})

		start := time.Now()
		push, err := conn.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, client.File, push.Kind)
		require.Equal(t, 5*time.Minute, time.Since(start))
	})
}
