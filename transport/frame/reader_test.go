package frame

import (
	"slices"
	"strings"
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

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
		{"text", testkit.ClientFrame(testkit.Final|1, "hello"), []Frame{text("hello")}, nil},
		{"empty", testkit.ClientFrame(testkit.Final|1, ""), []Frame{text("")}, nil},
		{"two at once", append(testkit.ClientFrame(testkit.Final|1, "a"), testkit.ClientFrame(testkit.Final|1, "b")...), []Frame{text("a"), text("b")}, nil},
		{"16 bit length", testkit.ClientFrame(testkit.Final|1, long), []Frame{text(long)}, nil},
		{"as long as may be", testkit.ClientFrame(testkit.Final|1, longest), []Frame{text(longest)}, nil},
		{"too long", testkit.ClientFrame(testkit.Final|1, longest+"!"), nil, ErrTooBig},
		{"64 bit length", []byte{testkit.Final | 1, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0, 0}, nil, ErrTooBig},
		{"in fragments with a ping between", slices.Concat(testkit.ClientFrame(1, "he"), testkit.ClientFrame(testkit.Final|9, "p"), testkit.ClientFrame(0, "l"), testkit.ClientFrame(testkit.Final, "lo")),
			[]Frame{{Opcode: Ping, Payload: []byte("p")}, text("hello")}, nil},
		{"fragments too long together", slices.Concat(testkit.ClientFrame(1, longest), testkit.ClientFrame(testkit.Final, "!")), nil, ErrTooBig},
		{"fragment of nothing", testkit.ClientFrame(testkit.Final, "x"), nil, ErrProtocol},
		{"message inside a message", slices.Concat(testkit.ClientFrame(1, "x"), testkit.ClientFrame(testkit.Final|1, "y")), nil, ErrProtocol},
		{"binary", testkit.ClientFrame(testkit.Final|2, "\x00\xff"), []Frame{{Opcode: Binary, Payload: []byte{0, 0xff}}}, nil},
		{"not masked", []byte{testkit.Final | 1, 1, 'x'}, nil, ErrProtocol},
		{"reserved bit", testkit.ClientFrame(testkit.Final|0x40|1, "x"), nil, ErrProtocol},
		{"unknown opcode", testkit.ClientFrame(testkit.Final|3, "x"), nil, ErrProtocol},
		{"control in fragments", testkit.ClientFrame(9, "x"), nil, ErrProtocol},
		{"control too long", testkit.ClientFrame(testkit.Final|9, strings.Repeat("x", 126)), nil, ErrProtocol},
		{"close", testkit.ClientFrame(testkit.Final|8, ""), []Frame{{Opcode: Close, Payload: []byte{}}}, nil},
		{"close with a code of an app", testkit.ClientFrame(testkit.Final|8, "\x0f\xa0bye"), []Frame{{Opcode: Close, Payload: []byte("\x0f\xa0bye")}}, nil},
		{"close with half a code", testkit.ClientFrame(testkit.Final|8, "\x03"), nil, ErrProtocol},
		{"close with a code that is never sent", testkit.ClientFrame(testkit.Final|8, "\x03\xed"), nil, ErrProtocol},
		{"close with a code of nobody", testkit.ClientFrame(testkit.Final|8, "\x07\xd0"), nil, ErrProtocol},
		{"close with a reason that is no text", testkit.ClientFrame(testkit.Final|8, "\x03\xe8\xff"), nil, ErrProtocol},
		{"not UTF-8", testkit.ClientFrame(testkit.Final|1, "\xff"), nil, ErrNotUTF8},
		{"UTF-8 over two fragments", slices.Concat(testkit.ClientFrame(1, "\xc3"), testkit.ClientFrame(testkit.Final, "\xa9")), []Frame{text("é")}, nil},
		{"good before bad", slices.Concat(testkit.ClientFrame(testkit.Final|1, "a"), testkit.ClientFrame(testkit.Final|3, "")), []Frame{text("a")}, ErrProtocol},
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
	_, err := r.Feed(slices.Concat(testkit.ClientFrame(1, "he"), testkit.ClientFrame(testkit.Final, "llo")))
	require.NoError(t, err)
	require.Nil(t, r.partial)
	require.Nil(t, r.message)
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
	f.Add(testkit.ClientFrame(testkit.Final|1, "listen notify_file_id"))
	f.Add(slices.Concat(testkit.ClientFrame(1, "a"), testkit.ClientFrame(testkit.Final|9, "ping"), testkit.ClientFrame(testkit.Final, "b")))
	f.Add([]byte{testkit.Final | 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
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
