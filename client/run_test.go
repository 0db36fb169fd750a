package client_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
)

// inTurn plays one script for each connection, and the last one for all further ones.
func inTurn(scripts ...http.HandlerFunc) (http.HandlerFunc, *atomic.Int32) {
	var connections atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		turn := int(connections.Add(1))
		scripts[min(turn, len(scripts))-1](w, r)
	}, &connections
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if len(header) == 2 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(code)
	}
}

func aliceAt(endpoint string, httpClient *http.Client) client.Options {
	return client.Options{Endpoint: endpoint, User: "alice", Password: "secret", HTTPClient: httpClient}
}

// lost is what OnDisconnect was called with.
type lost struct {
	reason  error
	retryIn time.Duration
}

func TestRunComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := func(_ *testing.T, _ context.Context, ws *websocket.Conn) {
			ws.Close(websocket.StatusServiceRestart, "")
		}
		handler, _ := inTurn(
			admit(leave).handler(t),
			status(502),
			admit(say("notify_file")).handler(t),
		)
		opts := aliceAt("ws://push/ws", serveInMemory(t, handler))
		logins := 0
		opts.OnConnect = func() { logins++ }
		var losses []lost
		opts.OnDisconnect = func(reason error, retryIn time.Duration) { losses = append(losses, lost{reason, retryIn}) }

		ctx, cancel := context.WithCancelCause(t.Context())
		enough := fmt.Errorf("enough")
		start := time.Now()
		err := client.Run(ctx, opts, func(push client.Push) {
			assert.Equal(t, client.File, push.Kind)
			cancel(enough)
		})

		require.Equal(t, enough, err)
		require.Equal(t, 2, logins)
		require.Len(t, losses, 2)
		require.Equal(t, 1012, client.CloseCode(losses[0].reason))
		require.ErrorContains(t, losses[1].reason, "502")
		require.Equal(t, losses[0].retryIn+losses[1].retryIn, time.Since(start), "it waits as long as it says")
	})
}

func TestRunDoesNotHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, connections := inTurn(status(502))
		opts := aliceAt("ws://push/ws", serveInMemory(t, handler))

		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		err := client.Run(ctx, opts, func(client.Push) {})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		// A wait is 150 s on average, so that a day has room for about 576; four times as many would be 30 standard deviations off.
		require.Less(t, connections.Load(), int32(2304))
		require.Greater(t, connections.Load(), int32(144))
	})
}

func TestRunHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, _ := inTurn(status(503, "Retry-After", "600"), admit(say("notify_file")).handler(t))
		opts := aliceAt("ws://push/ws", serveInMemory(t, handler))

		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		client.Run(ctx, opts, func(client.Push) { cancel() })
		require.GreaterOrEqual(t, time.Since(start), 600*time.Second)
		require.LessOrEqual(t, time.Since(start), 601*time.Second, "spread by the first window")
	})
}

func TestRunEndsWithInvalidCredentials(t *testing.T) {
	handler, connections := inTurn(answer("err: Invalid credentials").handler(t))
	address, httpClient := serve(t, handler)
	err := client.Run(t.Context(), aliceAt(websocketAddress(address), httpClient), func(client.Push) {})
	require.ErrorIs(t, err, client.ErrInvalidCredentials)
	require.Equal(t, int32(1), connections.Load())
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Run("while reading", func(t *testing.T) {
		address, httpClient := serve(t, admit(untilGone).handler(t))
		ctx, cancel := context.WithCancel(t.Context())
		opts := aliceAt(websocketAddress(address), httpClient)
		opts.OnConnect = cancel
		require.ErrorIs(t, client.Run(ctx, opts, func(client.Push) {}), context.Canceled)
	})
	t.Run("while waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			opts := aliceAt("ws://push/ws", serveInMemory(t, status(503, "Retry-After", "3600")))
			opts.OnDisconnect = func(error, time.Duration) { time.AfterFunc(time.Minute, cancel) }
			start := time.Now()
			require.ErrorIs(t, client.Run(ctx, opts, func(client.Push) {}), context.Canceled)
			require.Equal(t, time.Minute, time.Since(start))
		})
	})
}

func TestRunSendsCloseFrame(t *testing.T) {
	code := make(chan websocket.StatusCode, 1)
	address, httpClient := serve(t, admit(func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		write(t, ctx, ws, "notify_file")
		write(t, ctx, ws, "notify_file")
		_, _, err := ws.Read(ctx)
		code <- websocket.CloseStatus(err)
	}).handler(t))
	ctx, cancel := context.WithCancel(t.Context())
	pushes := 0
	client.Run(ctx, aliceAt(websocketAddress(address), httpClient), func(client.Push) {
		pushes++
		cancel()
	})
	require.Equal(t, websocket.StatusNormalClosure, <-code)
	require.Equal(t, 1, pushes, "nothing is handed on after the end")
}

func TestRunGivesUpAnAttemptThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		opts := aliceAt("ws://push/ws", serveInMemory(t, script(untilGone).handler(t)))
		start := time.Now()
		var after time.Duration
		opts.OnDisconnect = func(reason error, _ time.Duration) {
			assert.ErrorIs(t, reason, context.DeadlineExceeded)
			after = time.Since(start)
			cancel()
		}
		client.Run(ctx, opts, func(client.Push) {})
		require.Equal(t, client.AttemptLimit, after)
	})
}

// A server that lets everybody in and drops them at once is treated like one that refuses; one that was good for a
// minute has earned a quick return.
func TestOnlyAStableConnectionResetsTheBackoff(t *testing.T) {
	longestWait := func(t *testing.T, life time.Duration) (longest time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			leave := func(_ *testing.T, _ context.Context, ws *websocket.Conn) {
				time.Sleep(life)
				ws.Close(websocket.StatusGoingAway, "")
			}
			ctx, cancel := context.WithCancel(t.Context())
			opts := aliceAt("ws://push/ws", serveInMemory(t, admit(leave).handler(t)))
			losses := 0
			opts.OnDisconnect = func(_ error, retryIn time.Duration) {
				longest = max(longest, retryIn)
				if losses++; losses == 100 {
					cancel()
				}
			}
			client.Run(ctx, opts, func(client.Push) {})
		})
		return longest
	}
	require.Greater(t, longestWait(t, time.Second), time.Minute)
	require.LessOrEqual(t, longestWait(t, time.Minute), time.Second)
}

func TestNextcloudIsAskedAgainOnlyWhenThePushServerMayHaveMoved(t *testing.T) {
	for code, asked := range map[int]int32{502: 1, 503: 1, 429: 1, 404: 3, 426: 3, 200: 3} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux := http.NewServeMux()
				discovery, discoveries := inTurn(answerAlice(t, capabilities("ws://cloud/push/ws", "")))
				mux.HandleFunc("GET "+capabilitiesPath, discovery)
				push, _ := inTurn(status(code), status(code), admit(say("notify_file")).handler(t))
				mux.HandleFunc("GET /push/ws", push)

				ctx, cancel := context.WithCancel(t.Context())
				opts := client.Options{Nextcloud: "http://cloud", User: "alice", Password: "secret", HTTPClient: serveInMemory(t, mux)}
				client.Run(ctx, opts, func(client.Push) { cancel() })
				require.Equal(t, asked, discoveries.Load())
			})
		})
	}
}
