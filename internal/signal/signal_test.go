package signal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/internal/signal"
)

func TestSignal(t *testing.T) {
	s := signal.New()
	require.Empty(t, s)
	s.Set()
	s.Set() // does not block, and is not a second one
	<-s
	require.Empty(t, s)
	s.Set()
	<-s
}
