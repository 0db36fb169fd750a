package loadtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHistogramsOfSeveralProcessesAreOne(t *testing.T) {
	one, other := newHistograms(), newHistograms()
	for microseconds := int64(1); microseconds <= 100; microseconds++ {
		record(one.latency, microseconds)
		record(other.latency, 100+microseconds)
	}
	record(other.came, 1<<50)
	record(other.loggedIn, -5)
	encoded, err := other.encode()
	require.NoError(t, err)
	require.NoError(t, one.merge(encoded))
	require.Equal(t, int64(200), one.latency.TotalCount())
	require.Equal(t, int64(100), one.latency.ValueAtQuantile(50))
	require.Equal(t, int64(200), one.latency.Max())
	require.Equal(t, int64(1), one.came.TotalCount(), "what is beyond the end counts at the end")
	require.Equal(t, int64(1), one.loggedIn.Max())

	require.ErrorContains(t, one.merge(encoded[:1]), "1 histograms instead of 3")
	require.ErrorContains(t, one.merge([][]byte{{1}, {2}, {3}}), "read a histogram")
}
