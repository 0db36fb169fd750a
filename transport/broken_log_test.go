package transport

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport/frame"
)

// brokenLog is a log that cannot be written to as it should.
type brokenLog struct {
	zapcore.LevelEnabler
	write func(message string)
}

func (b brokenLog) With([]zapcore.Field) zapcore.Core { return b }

func (b brokenLog) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.AddCore(e, b)
}

func (b brokenLog) Write(e zapcore.Entry, _ []zapcore.Field) error {
	b.write(e.Message)
	return nil
}

func (brokenLog) Sync() error { return nil }

func withLog(level zapcore.Level, write func(string)) WebsocketOptions {
	return WebsocketOptions{Logger: zap.New(brokenLog{level, write}), AllowedOrigins: AllowedOrigins{LogOnly: true}, Limits: Limits{Connections: 2}}
}

// A pipe that nobody reads blocks the log, and with it only who logs.
func TestBlockedLogHoldsNobodyUp(t *testing.T) {
	release, blocked := make(chan struct{}), make(chan string, 10)
	b := newBench(t, loopback(t), withLog(zap.WarnLevel, func(message string) {
		blocked <- message
		<-release
	}))
	defer close(release)
	alice := b.login(t, "alice")
	b.dial(t, testkit.ClientFrame(testkit.Final|2, "no text"))
	require.Equal(t, http.StatusServiceUnavailable, b.shakeHands(t).Status)
	alice.send(testkit.ClientFrame(testkit.Final|9, "are you there?"))
	f, err := alice.frame()
	require.NoError(t, err)
	require.Equal(t, frame.Pong, f.Opcode)
	require.Equal(t, "login refused", <-blocked)
}

// A log that panics takes neither the process nor a place.
func TestPanicOfALogEndsNothingElse(t *testing.T) {
	panicked := make(chan string, 10)
	b := newBench(t, loopback(t), withLog(zap.DebugLevel, func(message string) {
		if message == "login refused" || message == "login abandoned" {
			panicked <- message
			panic("the log is broken")
		}
	}))
	b.dial(t, testkit.ClientFrame(testkit.Final|2, "no text"))
	require.Equal(t, "login refused", <-panicked)
	b.dial(t, testkit.ClientFrame(testkit.Final|8, ""))
	require.Equal(t, "login abandoned", <-panicked)
	eventually(t, func() bool { return b.websocket.Weight() == 0 })
}

// The goroutines that wait for a log that blocks are bounded, however many clients are refused.
func TestBlockedLogIsBounded(t *testing.T) {
	release := make(chan struct{})
	for range 2 * maxAside {
		aside(func() { <-release })
	}
	require.Len(t, logging, maxAside)
	close(release)
	eventually(t, func() bool { return len(logging) == 0 })
}
