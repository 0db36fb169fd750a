package wire

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
)

func TestStampThereAndBack(t *testing.T) {
	for _, want := range []Stamp{{}, {1, 2, 3, 4}, {Nobody, 1<<32 - 1, 1<<32 - 1, math.MaxInt64}, {3, 7, 0, clock.Now()}} {
		got, ok := ParseStamp(want.Append(nil))
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	padded, ok := ParseStamp([]byte("loadtest 1 2 3 4 xxxxx"))
	require.True(t, ok)
	require.Equal(t, Stamp{1, 2, 3, 4}, padded)
}

func TestNoStamp(t *testing.T) {
	for _, text := range []string{
		"", "loadtest", "loadtest ", "loadtest 1", "loadtest 1 2", "loadtest 1 2 3", "loadtest 1 2 3 ", "loadtest a 2 3 4", "loadtest 1 b 3 4", "loadtest 1 2 -3 4",
		"loadtest 1 2 3 4x", "loadtest 2097152 2 3 4", "loadtest 1 4294967296 3 4", "loadtest 1 2 3 9223372036854775808", "loadtest 1 2 3 99999999999999999999", "notify_file",
	} {
		_, ok := ParseStamp([]byte(text))
		require.False(t, ok, text)
	}
}

func FuzzParseStamp(f *testing.F) {
	f.Add([]byte("loadtest 1 2 3 4 x"))
	f.Add([]byte("notify_file"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, ok := ParseStamp(text); ok {
			again, ok := ParseStamp(s.Append(nil))
			require.True(t, ok)
			require.Equal(t, s, again)
		}
	})
}
