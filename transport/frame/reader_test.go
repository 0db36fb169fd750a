package frame

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// clientFrame is a frame as a client sends it.
func clientFrame(first byte, payload string) []byte {
	mask := [4]byte{1, 2, 3, 4}
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	out = append(out, mask[:]...)
	for i := range len(payload) {
		out = append(out, payload[i]^mask[i%4])
	}
	return out
}

const final = 0x80

func TestReader(t *testing.T) {
	text := func(s string) Frame { return Frame{Opcode: Text, Payload: []byte(s)} }
	long := strings.Repeat("x", 300)
	longest := strings.Repeat("y", 1000)
	tests := []struct {
		name  string
		bytes []byte
		want  []Frame
		err   error
	}{
		{"text", clientFrame(final|1, "hello"), []Frame{text("hello")}, nil},
		{"empty", clientFrame(final|1, ""), []Frame{text("")}, nil},
		{"two at once", append(clientFrame(final|1, "a"), clientFrame(final|1, "b")...), []Frame{text("a"), text("b")}, nil},
		{"16 bit length", clientFrame(final|1, long), []Frame{text(long)}, nil},
		{"as long as may be", clientFrame(final|1, longest), []Frame{text(longest)}, nil},
		{"too long", clientFrame(final|1, longest+"!"), nil, ErrTooBig},
		{"64 bit length", []byte{final | 1, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0, 0}, nil, ErrTooBig},
		{"in fragments with a ping between", concat(clientFrame(1, "he"), clientFrame(final|9, "p"), clientFrame(0, "l"), clientFrame(final, "lo")),
			[]Frame{{Opcode: Ping, Payload: []byte("p")}, text("hello")}, nil},
		{"fragments too long together", concat(clientFrame(1, longest), clientFrame(final, "!")), nil, ErrTooBig},
		{"fragment of nothing", clientFrame(final, "x"), nil, ErrProtocol},
		{"message inside a message", concat(clientFrame(1, "x"), clientFrame(final|1, "y")), nil, ErrProtocol},
		{"binary", clientFrame(final|2, "\x00\xff"), []Frame{{Opcode: Binary, Payload: []byte{0, 0xff}}}, nil},
		{"not masked", []byte{final | 1, 1, 'x'}, nil, ErrProtocol},
		{"reserved bit", clientFrame(final|0x40|1, "x"), nil, ErrProtocol},
		{"unknown opcode", clientFrame(final|3, "x"), nil, ErrProtocol},
		{"control in fragments", clientFrame(9, "x"), nil, ErrProtocol},
		{"control too long", clientFrame(final|9, strings.Repeat("x", 126)), nil, ErrProtocol},
		{"close", clientFrame(final|8, ""), []Frame{{Opcode: Close, Payload: []byte{}}}, nil},
		{"close with a code of an app", clientFrame(final|8, "\x0f\xa0bye"), []Frame{{Opcode: Close, Payload: []byte("\x0f\xa0bye")}}, nil},
		{"close with half a code", clientFrame(final|8, "\x03"), nil, ErrProtocol},
		{"close with a code that is never sent", clientFrame(final|8, "\x03\xed"), nil, ErrProtocol},
		{"close with a code of nobody", clientFrame(final|8, "\x07\xd0"), nil, ErrProtocol},
		{"close with a reason that is no text", clientFrame(final|8, "\x03\xe8\xff"), nil, ErrProtocol},
		{"not UTF-8", clientFrame(final|1, "\xff"), nil, ErrNotUTF8},
		{"UTF-8 over two fragments", concat(clientFrame(1, "\xc3"), clientFrame(final, "\xa9")), []Frame{text("é")}, nil},
		{"good before bad", concat(clientFrame(final|1, "a"), clientFrame(final|3, "")), []Frame{text("a")}, ErrProtocol},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			whole := Reader{Limit: 1000}
			frames, err := whole.Feed(test.bytes)
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.want, frames)
			frames, err = feedBytewise(&Reader{Limit: 1000}, test.bytes)
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.want, frames)
		})
	}
}

func TestReaderKeepsNothingBetweenFrames(t *testing.T) {
	r := Reader{Limit: 1000}
	_, err := r.Feed(concat(clientFrame(1, "he"), clientFrame(final, "llo")))
	require.NoError(t, err)
	require.Nil(t, r.partial)
	require.Nil(t, r.message)
}

func concat(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func feedBytewise(r *Reader, data []byte) (all []Frame, err error) {
	for i := range data {
		frames, err := r.Feed(data[i : i+1])
		all = append(all, frames...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// FuzzReader checks that the same bytes mean the same frames in whatever pieces they come,
// and that no message is longer than the limit.
func FuzzReader(f *testing.F) {
	f.Add(clientFrame(final|1, "listen notify_file_id"))
	f.Add(concat(clientFrame(1, "a"), clientFrame(final|9, "ping"), clientFrame(final, "b")))
	f.Add([]byte{final | 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 256
		at := Reader{Limit: limit}
		frames, err := at.Feed(data)
		bytewise, bytewiseErr := feedBytewise(&Reader{Limit: limit}, data)
		require.Equal(t, err, bytewiseErr)
		require.Equal(t, frames, bytewise)
		for _, frame := range frames {
			require.LessOrEqual(t, len(frame.Payload), limit)
		}
		require.LessOrEqual(t, len(at.partial), limit+14)
	})
}
