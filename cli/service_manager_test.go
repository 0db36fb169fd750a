package cli

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/config"
)

// Nothing at boot waits longer than latestReady, whatever is missing.
func TestReadyAfterAWhileWithoutWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		m := newServiceManager(zap.NewNop())
		m.notify = func(state string) bool {
			said = append(said, state)
			return true
		}
		m.wait(errors.New("there is no\nconfig.php"))
		time.Sleep(latestReady - time.Second)
		m.report("redis: connection refused", false)
		require.Equal(t, []string{"STATUS=waiting: there is no; config.php", "WATCHDOG=1", "STATUS=redis: connection refused"}, said)
		time.Sleep(time.Second)
		m.report("redis: connection refused", false)
		require.Equal(t, "READY=1", said[len(said)-1])
		m.report("serving", true)
		require.Equal(t, "STATUS=serving", said[len(said)-1], "ready once")
	})
}

func TestOutageIsLoggedOnceAMinuteAndAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.WarnLevel)
		o := outage{log: zap.New(core), begins: "lost", ends: "back"}
		o.end()
		for range 150 {
			o.fail(errors.New("refused"))
			time.Sleep(time.Second)
		}
		o.end()
		o.end()
		var lines []string
		for _, entry := range logged.All() {
			lines = append(lines, entry.Message)
		}
		require.Equal(t, []string{"lost", "lost", "lost", "back"}, lines)
		require.EqualValues(t, 121, logged.All()[2].ContextMap()["tries"])
	})
}

func TestSocketsOfSystemd(t *testing.T) {
	listener := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	clients, operators := listener(), listener()
	var s config.Settings
	require.NoError(t, assignListeners(&s, map[string][]net.Listener{"notify_push.socket": {clients}, "metrics": {operators}}))
	require.Equal(t, clients, s.Listen.Inherited)
	require.Equal(t, operators, monitorListen(s).Inherited)
	require.True(t, s.Monitor.On())
	require.ErrorContains(t, assignListeners(&s, map[string][]net.Listener{"another": {listener()}}), "FileDescriptorName=metrics")
}
