package storage

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"
)

// said is a connection of which that much comes, and no more.
type said struct {
	net.Conn
	io.Reader
}

func (s said) Read(p []byte) (int, error)     { return s.Reader.Read(p) }
func (said) SetReadDeadline(time.Time) error  { return nil }
func (said) SetWriteDeadline(time.Time) error { return nil }
func (said) Close() error                     { return nil }

// readAll has the client library read through a guard until nothing more can be read.
func readAll(replies io.Reader) (read []any, err error) {
	conn := redis.NewConn(&replyGuard{Conn: said{Reader: replies}}, 0, 0)
	for {
		reply, err := conn.Receive()
		if conn.Err() != nil {
			return read, err
		}
		read = append(read, reply)
	}
}

// Each of these would end the process.
func TestReplyGuardRefuses(t *testing.T) {
	for name, answer := range map[string]string{
		"a text of a terabyte":      "$999999999999\r\n",
		"a text in a message":       "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$999999999999\r\n",
		"after a text":              "$12\r\n*1\r\n$1\r\na\r\nb\r\n$999999999999\r\n",
		"a length with many zeros":  "$" + strings.Repeat("0", 2*maxLengthLine) + "999999999999\r\n",
		"a length of many digits":   "$" + strings.Repeat("9", 30) + "\r\n",
		"an array of two thousands": "*2000000000\r\n",
		"arrays without end":        strings.Repeat("*1\r\n", 8_000_000),
		"legal pieces without end":  "*65536\r\n" + strings.Repeat("$4096\r\n"+strings.Repeat("x", 4096)+"\r\n", 20_000),
		"legal arrays without end":  "*60000\r\n" + strings.Repeat("*60000\r\n"+strings.Repeat(":1\r\n", 60000), 20),
		"lines without end":         "*65536\r\n" + strings.Repeat("+"+strings.Repeat("x", 60_000)+"\r\n", 2000),
		"a line without end":        "+" + strings.Repeat("x", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(strings.NewReader(answer))
			require.ErrorContains(t, err, "is this really a Redis server?")
			if len(answer) > 32<<20 {
				return
			}
			_, err = readAll(iotest.OneByteReader(strings.NewReader(answer)))
			require.ErrorContains(t, err, "is this really a Redis server?")
		})
	}
}

func TestReplyGuardLetsThrough(t *testing.T) {
	text := strings.Repeat("*9\r\n$-1\r\n", 1000)
	answers := "+OK\r\n:1\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n-ERR " + strings.Repeat("e", 5000) + "\r\n" +
		strings.Repeat("*2\r\n*1\r\n*2\r\n:1\r\n*0\r\n$"+strconv.Itoa(len(text))+"\r\n"+text+"\r\n", 20)
	for _, pieces := range []io.Reader{strings.NewReader(answers), iotest.HalfReader(strings.NewReader(answers)), iotest.OneByteReader(strings.NewReader(answers))} {
		read, err := readAll(pieces)
		require.ErrorIs(t, err, io.EOF)
		require.Len(t, read, 27)
		require.Equal(t, []any{[]any{[]any{int64(1), []any{}}}, []byte(text)}, read[26])
	}
}

// FuzzReplyGuard has the client library read anything: whatever that is, it is read or refused.
func FuzzReplyGuard(f *testing.F) {
	f.Add([]byte("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"))
	f.Add([]byte("$99999999999\r\n"))
	f.Add([]byte("*1\r\n*1\r\n*99999999999\r\n"))
	f.Add([]byte("$2\r\nab\n$99999999999\r\n"))
	f.Fuzz(func(t *testing.T, replies []byte) {
		if _, err := readAll(bytes.NewReader(replies)); err == nil {
			t.Fatal("ended without a reason")
		}
	})
}
