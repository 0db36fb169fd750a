package nonblock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a connection.
func pair(t testing.TB, network string) (ours, theirs net.Conn) {
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	defer listener.Close()
	ours, err = net.Dial(network, listener.Addr().String())
	require.NoError(t, err)
	theirs, err = listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

var networks = []string{"tcp", "unix"}

// TestConn: a wrapped connection is a net.Conn as those of the net package are.
func TestConn(t *testing.T) {
	for _, network := range networks {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				ours, theirs := pair(t, network)
				return Wrap(ours), Wrap(theirs), func() { ours.Close(); theirs.Close() }, nil
			})
		})
	}
}

// TestErrors: the errors are those of the net package, word for word.
func TestErrors(t *testing.T) {
	for _, network := range networks {
		for name, cause := range map[string]func(t *testing.T, c, other net.Conn) error{
			"the end": func(_ *testing.T, c, other net.Conn) error {
				other.Close()
				_, err := c.Read(make([]byte, 1))
				return err
			},
			"a deadline": func(_ *testing.T, c, _ net.Conn) error {
				_ = c.SetReadDeadline(time.Unix(1, 0))
				_, err := c.Read(make([]byte, 1))
				return err
			},
			"closed": func(_ *testing.T, c, _ net.Conn) error {
				c.Close()
				_, err := c.Write([]byte("x"))
				return err
			},
			"reset": func(t *testing.T, c, other net.Conn) error {
				require.NoError(t, other.(*net.TCPConn).SetLinger(0))
				other.Close()
				_, err := c.Read(make([]byte, 1))
				return err
			},
			"nothing asked for": func(_ *testing.T, c, _ net.Conn) error {
				c.Close()
				_, err := c.Read(nil)
				_, writing := c.Write(nil)
				return errors.Join(err, writing)
			},
			"hung up": func(t *testing.T, c, other net.Conn) error {
				if tcp, ok := other.(*net.TCPConn); ok {
					require.NoError(t, tcp.SetLinger(0)) // a reset
				}
				other.Close()
				_, err := c.Write(make([]byte, 1<<20))
				for err == nil {
					_, err = c.Write([]byte("x"))
				}
				return err
			},
		} {
			if network == "unix" && name == "reset" {
				continue // there is none
			}
			t.Run(network+" "+name, func(t *testing.T) {
				plain, other := pair(t, network)
				wanted := cause(t, plain, other)
				plain, other = pair(t, network)
				got := cause(t, Wrap(plain), other)
				for _, err := range []error{io.EOF, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET} {
					require.Equal(t, errors.Is(wanted, err), errors.Is(got, err), "%v, and not %v", got, wanted)
				}
				operation, _ := errors.AsType[*net.OpError](wanted)
				if operation == nil {
					require.Equal(t, wanted, got)
					return
				}
				wrapped, _ := errors.AsType[*net.OpError](got)
				require.NotNil(t, wrapped, "%v", got)
				require.Equal(t, operation.Op, wrapped.Op)
				require.Equal(t, operation.Net, wrapped.Net)
				require.Equal(t, operation.Err, wrapped.Err)
				require.Equal(t, operation.Timeout(), wrapped.Timeout())
				require.Equal(t, operation.Source == nil, wrapped.Source == nil)
				require.Equal(t, operation.Addr == nil, wrapped.Addr == nil)
			})
		}
	}
}

// TestAllOfALongWrite: what the kernel takes in parts arrives whole.
func TestAllOfALongWrite(t *testing.T) {
	for _, network := range networks {
		ours, theirs := pair(t, network)
		read := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(theirs)
			read <- all
		}()
		data := make([]byte, 16<<20)
		for i := range data {
			data[i] = byte(i >> 8)
		}
		n, err := Wrap(ours).Write(data)
		require.NoError(t, err)
		require.Equal(t, len(data), n)
		ours.Close()
		require.Equal(t, data, <-read)
	}
}

// TestWritesStayWhole: what two goroutines write at once does not mix, also where the kernel takes it in parts.
func TestWritesStayWhole(t *testing.T) {
	for _, network := range networks {
		ours, theirs := pair(t, network)
		wrapped := Wrap(ours)
		const size = 4 << 20
		var writers sync.WaitGroup
		for _, letter := range []byte("ab") {
			writers.Go(func() {
				n, err := wrapped.Write(bytes.Repeat([]byte{letter}, size))
				assert.NoError(t, err)
				assert.Equal(t, size, n)
			})
		}
		all := make([]byte, 2*size)
		_, err := io.ReadFull(theirs, all)
		require.NoError(t, err)
		writers.Wait()
		for _, half := range [][]byte{all[:size], all[size:]} {
			require.Equal(t, size, bytes.Count(half, half[:1]))
		}
	}
}

// TestWriteUntilADeadline: how much was written is told beside the error.
func TestWriteUntilADeadline(t *testing.T) {
	for _, network := range networks {
		ours, theirs := pair(t, network)
		require.NoError(t, ours.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(64<<10))
		require.NoError(t, theirs.(interface{ SetReadBuffer(int) error }).SetReadBuffer(64<<10))
		data := make([]byte, 16<<20)
		written := make(chan struct{})
		var n int
		var err error
		go func() {
			defer close(written)
			n, err = Wrap(ours).Write(data)
		}()
		_, readErr := io.ReadFull(theirs, make([]byte, 1))
		require.NoError(t, readErr)
		require.NoError(t, ours.SetWriteDeadline(time.Unix(1, 0)))
		<-written
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		ours.Close()
		came, readErr := io.Copy(io.Discard, theirs)
		require.NoError(t, readErr)
		require.EqualValues(t, n, came+1)
	}
}

// TestWrapLeavesOthersAlone: only what is nothing but a socket is wrapped, because the bytes of others are not those on the line.
func TestWrapLeavesOthersAlone(t *testing.T) {
	one, two := net.Pipe()
	defer one.Close()
	defer two.Close()
	require.Same(t, one, Wrap(one))
	datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "d"), Net: "unixgram"})
	require.NoError(t, err)
	defer datagrams.Close()
	require.Same(t, datagrams, Wrap(datagrams))
	ours, _ := pair(t, "tcp")
	host := &struct{ net.Conn }{ours}
	require.Same(t, host, Wrap(host))
}
