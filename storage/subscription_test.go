package storage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage/storagetest"
)

var _ actors.EventSource = (*Redis)(nil)

type received struct{ channel, payload string }

// reception is a Receive under way.
type reception struct {
	t          *testing.T
	cancel     context.CancelFunc
	subscribed chan struct{}
	messages   chan received
	result     chan error
}

func receive(t *testing.T, r *Redis, channels ...string) *reception {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	n := &reception{t, cancel, make(chan struct{}), make(chan received, 100_000), make(chan error, 1)}
	go func() {
		n.result <- r.Receive(ctx, channels, func() { close(n.subscribed) }, func(channel string, payload []byte) {
			n.messages <- received{channel, string(payload)}
		})
	}()
	t.Cleanup(cancel)
	return n
}

func (n *reception) awaitSubscribed() *reception {
	n.t.Helper()
	select {
	case <-n.subscribed:
	case err := <-n.result:
		n.t.Fatalf("not subscribed: %v", err)
	}
	return n
}

func TestReceive(t *testing.T) {
	server := storagetest.Redis(t)
	cert, key := server.Authority.Issue("client")
	for name, address := range map[string]string{"TCP": server.URL(), "TLS": server.TLSURL(), "socket": server.SocketURL()} {
		t.Run(name, func(t *testing.T) {
			r := newRedis(t, RedisOptions{
				Addresses: []string{address},
				TLS:       RedisTLS{CA: server.Authority.CA, Cert: cert, Key: key},
			})
			n := receive(t, r, "a", "b").awaitSubscribed()
			huge := strings.Repeat("x", 10<<20)
			for i, message := range []received{{"a", "1"}, {"b", "2"}, {"a", ""}, {"b", huge}, {"a", "\x00\xff\r\n"}} {
				count, err := r.Publish(t.Context(), message.channel, []byte(message.payload))
				require.NoError(t, err)
				require.Equal(t, 1, count)
				require.Equal(t, message, <-n.messages, i)
			}
			n.cancel()
			require.ErrorIs(t, <-n.result, context.Canceled)
		})
	}
}

func TestReceiveKeepsOrder(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}})
	n := receive(t, r, "a", "b").awaitSubscribed()
	conn, err := redis.Dial("unix", server.Socket)
	require.NoError(t, err)
	defer conn.Close()
	const messages = 10_000
	for i := range messages {
		require.NoError(t, conn.Send("PUBLISH", []string{"a", "b"}[i%2], i))
	}
	_, err = conn.Do("")
	require.NoError(t, err)
	for i := range messages {
		require.Equal(t, received{[]string{"a", "b"}[i%2], strconv.Itoa(i)}, <-n.messages)
	}
}

func TestReceivePayloadBelongsToCallee(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}})
	ctx, cancel := context.WithCancel(t.Context())
	var kept [][]byte
	err := r.Receive(ctx, []string{"a"}, func() {
		server.Do("", "PUBLISH", "a", "first")
		server.Do("", "PUBLISH", "a", "other")
	}, func(_ string, payload []byte) {
		if kept = append(kept, payload); len(kept) == 2 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, [][]byte{[]byte("first"), []byte("other")}, kept)
}

func TestReceiveWithChannelPrefix(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, ChannelPrefix: "one:"})
	n := receive(t, r, "a").awaitSubscribed()
	server.Do("", "PUBLISH", "a", "not ours")
	server.Do("", "PUBLISH", "one:a", "ours")
	require.Equal(t, received{"a", "ours"}, <-n.messages)
	count, err := r.Publish(t.Context(), "a", []byte("too"))
	require.NoError(t, err)
	require.Equal(t, 1, count)
	require.Equal(t, received{"a", "too"}, <-n.messages)
}

func TestReceiveEndsWithTheConnection(t *testing.T) {
	for name, end := range map[string]func(*storagetest.RedisServer){
		"killed":  func(s *storagetest.RedisServer) { s.Kill() },
		"stopped": func(s *storagetest.RedisServer) { s.Stop() },
		"thrown out": func(s *storagetest.RedisServer) {
			s.Do("", "CLIENT", "KILL", "TYPE", "pubsub")
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := storagetest.Redis(t)
			n := receive(t, newRedis(t, RedisOptions{Addresses: []string{server.URL()}}), "a").awaitSubscribed()
			end(server)
			require.ErrorContains(t, <-n.result, "the subscription to Redis at "+server.URL()+" is lost")
		})
	}
}

// TestReceiveBeyondTheOutputBuffer takes nothing until Redis's buffer for this client is over a limit: the hard
// one at once, the soft one for a second (60 unless configured). Redis ends the connection; what it had not
// sent is lost, and nothing else: the next subscription hears what comes.
func TestReceiveBeyondTheOutputBuffer(t *testing.T) {
	for name, limit := range map[string]string{"hard": "pubsub 1mb 0 0", "soft": "pubsub 0 1mb 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := storagetest.Redis(t)
			server.Do("", "CONFIG", "SET", "client-output-buffer-limit", limit)
			r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}})
			ready, blocked, ended := make(chan struct{}), make(chan struct{}), make(chan error)
			var heard []string
			go func() {
				ended <- r.Receive(t.Context(), []string{"a"}, func() { close(ready) }, func(_ string, payload []byte) {
					<-blocked
					heard = append(heard, string(payload[:4]))
				})
			}()
			<-ready
			const messages, size = 64, 1 << 20 // far more than the kernel's buffers take
			for i := range messages {
				server.Do("", "PUBLISH", "a", fmt.Sprintf("%04d%s", i, strings.Repeat("x", size)))
			}
			subscribers := func() int64 {
				reply, err := redis.Values(server.Do("", "PUBSUB", "NUMSUB", "a"), nil)
				require.NoError(t, err)
				return reply[1].(int64)
			}
			require.Eventually(t, func() bool { return subscribers() == 0 }, time.Minute, 10*time.Millisecond)
			close(blocked)
			require.ErrorContains(t, <-ended, "is lost")
			require.Less(t, len(heard), messages)
			for i, text := range heard {
				require.Equal(t, fmt.Sprintf("%04d", i), text)
			}
			n := receive(t, r, "a").awaitSubscribed()
			server.Do("", "PUBLISH", "a", "next")
			require.Equal(t, received{"a", "next"}, <-n.messages)
		})
	}
}

func TestReceiveEndsWhileRedisHangs(t *testing.T) {
	server := storagetest.Redis(t)
	server.Pause() // the kernel accepts the connection all the same
	n := receive(t, newRedis(t, RedisOptions{Addresses: []string{server.URL()}}), "a")
	n.cancel()
	require.ErrorIs(t, <-n.result, context.Canceled)

	hasty := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, ReadTimeout: 50 * time.Millisecond})
	err := <-receive(t, hasty, "a").result
	requireStep(t, StepSubscribe, err)
}

// fakeRedis is the other end of a subscription whose time is faked.
type fakeRedis struct {
	net.Conn
	pings chan time.Time
}

func newFakeSubscription() (*subscription, *fakeRedis) {
	here, there := net.Pipe()
	line := &lifeline{here}
	fake := &fakeRedis{there, make(chan time.Time, 1000)}
	return &subscription{
		node: node{network: "tcp", address: "fake"},
		line: line,
		conn: redis.PubSubConn{Conn: redis.NewConn(&replyGuard{Conn: line}, 0, time.Second)},
	}, fake
}

// answer answers that many PINGs and takes the others without a word.
func (f *fakeRedis) answer(answers int) {
	buffer := make([]byte, 1024)
	for {
		n, err := f.Read(buffer)
		if err != nil {
			return
		}
		if !bytes.Contains(buffer[:n], []byte("PING")) {
			continue
		}
		f.pings <- time.Now()
		if answers > 0 {
			answers--
			_, _ = io.WriteString(f, "*2\r\n$4\r\npong\r\n$0\r\n\r\n")
		}
	}
}

func TestSubscriptionPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, redis := newFakeSubscription()
		go redis.answer(1000)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute-time.Second)
		defer cancel()
		require.ErrorIs(t, subscription.run(ctx, nil), context.DeadlineExceeded, "answered PINGs keep it alive")
		require.Len(t, redis.pings, 39)
		for i := range 39 {
			require.Equal(t, time.Duration(i+1)*15*time.Second, (<-redis.pings).Sub(start))
		}
	})
}

func TestSubscriptionNoticesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, redis := newFakeSubscription()
		go redis.answer(2)
		start := time.Now()
		err := subscription.run(t.Context(), nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.ErrorContains(t, err, "no answer to PING")
		const lastSign = 30 * time.Second // the second answer
		require.Less(t, time.Since(start)-lastSign, 20*time.Second)
		require.Greater(t, time.Since(start)-lastSign, 15*time.Second)
	})
}

func TestSubscriptionIsKeptByMessagesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, redis := newFakeSubscription()
		go redis.answer(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go func() {
			ticker := time.NewTicker(10 * time.Second)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					_, _ = io.WriteString(redis, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n")
				}
			}
		}()
		messages := 0
		require.ErrorIs(t, subscription.run(ctx, func(_, _ string, _ []byte) { messages++ }), context.DeadlineExceeded)
		require.InDelta(t, 360, messages, 1)
	})
}

func TestSubscriptionToleratesSlowCallee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, redis := newFakeSubscription()
		go func() {
			_, _ = io.WriteString(redis, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n")
			redis.answer(1000)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute-time.Second)
		defer cancel()
		err := subscription.run(ctx, func(_, _ string, _ []byte) { time.Sleep(14 * time.Second) })
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// After a pause of the process the deadline has passed, although bytes are waiting.
func TestLifelineReadsWhatArrivedDuringAPause(t *testing.T) {
	conn := &pausedConn{}
	n, err := (&lifeline{conn}).Read(make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, 10, n)

	conn = &pausedConn{silent: true}
	_, err = (&lifeline{conn}).Read(make([]byte, 10))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

type pausedConn struct {
	net.Conn
	reads  int
	silent bool
}

func (c *pausedConn) SetReadDeadline(time.Time) error { return nil }

func (c *pausedConn) Read(p []byte) (int, error) {
	c.reads++
	if c.reads == 1 || c.silent {
		return 0, os.ErrDeadlineExceeded
	}
	return len(p), nil
}

func TestSubscriptionRefusesUnexpectedReplies(t *testing.T) {
	const secret = "opensesame"
	for name, c := range map[string]struct{ reply, want string }{
		"error":               {"-NOAUTH Authentication required.\r\n", "NOAUTH"},
		"unsubscribe":         {"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n", `Redis said unsubscribe of "a"`},
		"another array":       {"*2\r\n$10\r\n" + secret + "\r\n$10\r\n" + secret + "\r\n", "an array of 2 parts that is no message"},
		"empty array":         {"*0\r\n", "an array of 0 parts that is no message"},
		"no array":            {"*-1\r\n", "nil returned"},
		"a number":            {":1\r\n", "got type int64"},
		"a text":              {"+OK\r\n", "got type string"},
		"no payload":          {"*2\r\n$7\r\nmessage\r\n$1\r\na\r\n", "a message of 2 parts without a channel or a payload"},
		"nil for a payload":   {"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$-1\r\n", "a message of 3 parts without"},
		"error for a payload": {"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n-" + secret + "\r\n", "a message of 3 parts without"},
		"nil for a channel":   {"*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nx\r\n", "a message of 3 parts without"},
		"HTTP":                {"HTTP/1.1 400 Bad Request\r\n", "web server"},
		"end":                 {"", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			subscription, redis := newFakeSubscription()
			go func() {
				_, _ = io.WriteString(redis, c.reply)
				redis.Close()
			}()
			err := subscription.run(t.Context(), func(string, string, []byte) { t.Error("a message") })
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestSubscriptionDelivers(t *testing.T) {
	subscription, redis := newFakeSubscription()
	subscription.channels = map[string]prefixedChannel{"3_a": {"3_", "a"}}
	go func() {
		for _, reply := range []string{
			"*3\r\n$7\r\nmessage\r\n$3\r\n3_a\r\n$2\r\nhi\r\n",
			"*2\r\n$4\r\npong\r\n$0\r\n\r\n",
			"*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$0\r\n\r\n",
		} {
			_, _ = io.WriteString(redis, reply)
		}
		redis.Close()
	}()
	var got []string
	require.Error(t, subscription.run(t.Context(), func(prefix, channel string, payload []byte) {
		got = append(got, fmt.Sprintf("%q %q %q", prefix, channel, payload))
	}))
	require.Equal(t, []string{`"3_" "a" "hi"`, `"" "b" ""`}, got)
}

func FuzzSubscription(f *testing.F) {
	f.Add([]byte("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"))
	f.Add([]byte("*2\r\n$4\r\npong\r\n$0\r\n\r\n-ERR no\r\n"))
	f.Add([]byte("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"))
	f.Add([]byte("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$99999999999999\r\nx"))
	f.Fuzz(func(t *testing.T, replies []byte) {
		subscription, redis := newFakeSubscription()
		go func() {
			_, _ = redis.Write(replies)
			redis.Close()
		}()
		if err := subscription.run(t.Context(), func(_, _ string, _ []byte) {}); err == nil {
			t.Fatal("ended without a reason")
		}
	})
}

// One operation is one message of the size of a file event, from the moment Redis has it.
func BenchmarkReceive(b *testing.B) {
	server := storagetest.Redis(b, "--client-output-buffer-limit", "pubsub 0 0 0")
	r := newRedis(b, RedisOptions{Addresses: []string{server.URL()}})
	payload := []byte(`{"storage":12345,"path":"files/Photos/2026/08/IMG_20260801_120000.jpg","file_id":123456789}`)
	conn, err := redis.Dial("unix", server.Socket)
	require.NoError(b, err)
	defer conn.Close()
	ctx, cancel := context.WithCancel(b.Context())
	messages := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	err = r.Receive(ctx, []string{"notify_storage_update"}, func() {
		b.ResetTimer()
		go func() {
			for i := range b.N {
				_ = conn.Send("PUBLISH", "notify_storage_update", payload)
				if i%1000 == 999 || i == b.N-1 {
					_, _ = conn.Do("")
				}
			}
		}()
	}, func(string, []byte) {
		if messages++; messages == b.N {
			cancel()
		}
	})
	require.ErrorIs(b, err, context.Canceled)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
