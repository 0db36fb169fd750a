package logthrottle

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestLineIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.WarnLevel)
		line := New(zap.New(core), time.Second, "it happens", "")
		for range 1000 {
			line.Warn("")
			time.Sleep(10*time.Millisecond + 1)
		}
		time.Sleep(time.Minute)
		require.Equal(t, 11, logged.Len(), "one at once, and one a second")
		times := int64(1)
		for _, entry := range logged.All()[1:] {
			times += entry.ContextMap()["times"].(int64)
		}
		require.EqualValues(t, 1000, times)
		line.Warn("")
		require.Equal(t, 12, logged.Len(), "after a quiet time it is logged at once")
		time.Sleep(time.Minute)
	})
}
