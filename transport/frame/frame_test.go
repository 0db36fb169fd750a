package frame

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCut(t *testing.T) {
	long := strings.Repeat("x", 300)
	huge := strings.Repeat("y", 70000)
	for name, test := range map[string]struct {
		data string
		want Frame
		size int
	}{
		"text":                      {"\x81\x02hi and more", Frame{Text, []byte("hi")}, 4},
		"empty text":                {"\x81\x00", Frame{Text, []byte{}}, 2},
		"ping":                      {"\x89\x04abcd", Frame{Ping, []byte("abcd")}, 6},
		"close":                     {"\x88\x02\x03\xe9", Frame{Close, []byte{3, 0xe9}}, 4},
		"length in two bytes":       {"\x81\x7e\x01\x2c" + long, Frame{Text, []byte(long)}, 304},
		"length in eight bytes":     {"\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70" + huge, Frame{Text, []byte(huge)}, 70010},
		"nothing":                   {"", Frame{}, 0},
		"half a header":             {"\x81", Frame{}, 0},
		"half a length":             {"\x81\x7e\x01", Frame{}, 0},
		"half a long length":        {"\x81\x7f\x00\x00\x00\x00\x00\x01\x11", Frame{}, 0},
		"text that is not all here": {"\x81\x05abcd", Frame{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, size, err := Cut([]byte(test.data), 1<<20)
			require.NoError(t, err)
			require.Equal(t, test.size, size)
			if size > 0 {
				require.Equal(t, test.want, got)
			}
		})
	}
}

func TestCutRefusesWhatNoPushServerSends(t *testing.T) {
	for name, data := range map[string]string{
		"a mask":            "\x81\x82\x00\x00\x00\x00hi",
		"a fragment":        "\x01\x02hi",
		"its continuation":  "\x80\x02hi",
		"compression":       "\xc1\x02hi",
		"an unknown opcode": "\x8b\x00",
	} {
		_, _, err := Cut([]byte(data), 1<<20)
		require.ErrorIs(t, err, ErrProtocol, name)
	}
}

func TestCutRefusesWhatIsTooBig(t *testing.T) {
	for _, data := range []string{"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x01"} {
		_, _, err := Cut([]byte(data), 1<<20)
		require.ErrorIs(t, err, ErrTooBig)
	}
}

func TestAppendMasked(t *testing.T) {
	b := AppendMasked(nil, Text, "alice")
	require.Equal(t, []byte{0x81, 0x80 | 5}, b[:2])
	mask, masked := b[2:6], b[6:]
	for i := range masked {
		masked[i] ^= mask[i%4]
	}
	require.Equal(t, "alice", string(masked))
}

func FuzzCut(f *testing.F) {
	for _, seed := range []string{"\x81\x02hi", "\x89\x04abcd", "\x81\x7e\x01\x2c", "\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70", "\x88\x00"} {
		f.Add([]byte(seed), 1)
	}
	f.Fuzz(func(t *testing.T, data []byte, cutAt int) {
		whole, size, err := Cut(data, 1<<20)
		require.LessOrEqual(t, size, len(data))
		if err != nil || size == 0 {
			return
		}
		require.True(t, bytes.HasSuffix(data[:size], whole.Payload))
		// Less than the frame is never mistaken for one.
		_, partial, err := Cut(data[:min(max(cutAt, 0), size-1)], 1<<20)
		require.NoError(t, err)
		require.Zero(t, partial)
	})
}

// The pair is that of RFC 6455, 1.3.
func TestAppendAccept(t *testing.T) {
	require.Equal(t, "accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", string(AppendAccept([]byte("accept: "), "dGhlIHNhbXBsZSBub25jZQ==")))
}
