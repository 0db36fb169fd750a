package loadtest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

func TestAHelperThatWasEnded(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	s, err := swarm.Start(t.Context(), 1, []string{self, "helper", helperWorker})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Counters()
	require.NoError(t, err)
	process, err := os.FindProcess(s.PIDs()[0])
	require.NoError(t, err)
	require.NoError(t, process.Kill())
	require.Eventually(t, func() bool {
		_, err := s.Counters()
		return err != nil && strings.Contains(err.Error(), "was it killed?")
	}, time.Minute, time.Millisecond)
}

func TestABusyHelper(t *testing.T) {
	options := testOptions(t, "honest", scenario(t, "{name: busy, clients: 5, steps: [{connect: {}}, {idle: {for: 300ms}}]}"))
	options.Busy = 1
	got, err := Run(t.Context(), options)
	require.NoError(t, err)
	require.Equal(t, 1, got.Machine.Busy)
}
