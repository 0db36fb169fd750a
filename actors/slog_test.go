package actors_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// withoutTime returns a handler that writes lines without their time, from a level on.
func withoutTime(out *bytes.Buffer, level slog.Level) slog.Handler {
	return slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

func TestSlogLogger(t *testing.T) {
	var out bytes.Buffer
	log := actors.SlogLogger(withoutTime(&out, slog.LevelInfo)).With(zap.String("server", "a")).Named("push")
	log.Debug("left out")
	log.Info("hello", zap.Int("n", 1), zap.Duration("after", time.Second), zap.Skip())
	log.Warn("warning", zap.Error(errors.New("broken")), zap.Stringer("reason", actors.TooSlow))
	log.Error("error")
	require.Equal(t, "level=INFO msg=hello server=a logger=push n=1 after=1s\n"+
		"level=WARN msg=warning server=a logger=push error=broken reason=too_slow\n"+
		"level=ERROR msg=error server=a logger=push\n", out.String())
}

// unnamed hides the names of ports, as ports of a host have none.
type (
	unnamedEvents   struct{ actors.EventSource }
	unnamedMounts   struct{ actors.Mounts }
	unnamedVerifier struct{ actors.Verifier }
)

// The log of a host that has neither Redis nor Nextcloud knows neither word.
func TestLogOfAHostWithoutNextcloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		var out bytes.Buffer
		events, mounts, verifier := actorstest.NewEvents(), &actorstest.Mounts{}, &actorstest.Verifier{}
		system, err := actors.New(actors.Ports{Events: unnamedEvents{events}, Mounts: unnamedMounts{mounts}, Verifier: unnamedVerifier{verifier}},
			actors.Options{NoDebounce: true, Logger: actors.SlogLogger(withoutTime(&out, slog.LevelDebug))})
		require.NoError(t, err)
		system.Start()
		require.NoError(t, system.Ready(t.Context()))
		events.Lose(nil)
		mounts.Fail(errors.New("down"))
		verifier.Fail(errors.New("down"))
		_, err = system.Authenticate(t.Context(), alicesCredentials)
		require.Error(t, err)
		publish(t, &actorstest.Kit{System: system}, fileEvent(1, 1))
		synctest.Wait()
		require.Len(t, system.Problems(), 3)
		for _, name := range []string{"events", "mounts", "verifier"} {
			require.Contains(t, system.Problems(), name)
		}
		verifier.Fail(nil)
		_, err = system.Authenticate(t.Context(), alicesCredentials)
		require.NoError(t, err)
		pass(3 * time.Minute)
		mounts.Fail(nil)
		pass(time.Minute)
		login, err := system.Authenticate(t.Context(), alicesCredentials)
		require.NoError(t, err)
		socket := actorstest.NewSocket()
		require.NoError(t, system.Attach(login, socket))
		socket.End(actors.ClosedByClient)
		require.NoError(t, system.Shutdown(context.Background()))
		log := strings.ToLower(out.String())
		for _, line := range []string{"lost connection to events", "reconnected to events", "lost connection to mounts", "file events dropped: mounts unavailable", "verifier is not available", "verifier is available"} {
			require.Contains(t, log, line)
		}
		for _, word := range []string{"redis", "nextcloud", "database"} {
			require.NotContains(t, log, word)
		}
	})
}
