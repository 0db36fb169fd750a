package loadtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStampThereAndBack(t *testing.T) {
	for _, want := range []stamp{{}, {1, 2, 3, 4}, {nobody, 1<<32 - 1, 1<<32 - 1, maxTime}, {3, 7, 0, now()}} {
		got, ok := parseStamp(want.append(nil))
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	padded, ok := parseStamp([]byte("loadtest 1 2 3 4 xxxxx"))
	require.True(t, ok)
	require.Equal(t, stamp{1, 2, 3, 4}, padded)
}

func TestNoStamp(t *testing.T) {
	for _, text := range []string{
		"", "loadtest", "loadtest ", "loadtest 1", "loadtest 1 2", "loadtest 1 2 3", "loadtest 1 2 3 ", "loadtest a 2 3 4", "loadtest 1 b 3 4", "loadtest 1 2 -3 4",
		"loadtest 1 2 3 4x", "loadtest 2097152 2 3 4", "loadtest 1 4294967296 3 4", "loadtest 1 2 3 9223372036854775808", "loadtest 1 2 3 99999999999999999999", "notify_file",
	} {
		_, ok := parseStamp([]byte(text))
		require.False(t, ok, text)
	}
}

func FuzzParseStamp(f *testing.F) {
	f.Add([]byte("loadtest 1 2 3 4 x"))
	f.Add([]byte("notify_file"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, ok := parseStamp(text); ok {
			again, ok := parseStamp(s.append(nil))
			require.True(t, ok)
			require.Equal(t, s, again)
		}
	})
}
