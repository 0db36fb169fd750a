package loadtest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHelperThatWasEnded(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	h, err := startHelper(t.Context(), []string{self, "helper", helperWorker})
	require.NoError(t, err)
	defer h.close()
	require.Empty(t, h.obey(order{Do: doTally}).Error)
	require.NoError(t, h.process.Process.Kill())
	require.Eventually(t, func() bool { return strings.Contains(h.obey(order{Do: doTally}).Error, "has something ended it?") }, time.Minute, time.Millisecond)
}
