package nonblock

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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
				require.Equal(t, operation.Err.Error(), wrapped.Err.Error())
				require.Equal(t, operation.Timeout(), wrapped.Timeout())
				require.NotNil(t, wrapped.Addr)
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

// TestWrapLeavesOthersAlone: only what is nothing but a socket is wrapped, because the bytes of others are not those on the line.
func TestWrapLeavesOthersAlone(t *testing.T) {
	one, two := net.Pipe()
	defer one.Close()
	defer two.Close()
	require.Same(t, one, Wrap(one))
	ours, _ := pair(t, "tcp")
	host := &struct{ net.Conn }{ours}
	require.Same(t, host, Wrap(host))
}
