//go:build linux

package transport

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// BenchmarkConnections has clients log in over plain TCP and over TLS of our own, and stay: what that takes of the CPU, both ends
// together, and what a connection holds in heap and stacks, on the server's side alone.
func BenchmarkConnections(b *testing.B) {
	cert, key := storagetest.NewAuthority(b).Issue("localhost", "localhost")
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(b, err)
	for name, wrap := range map[string]func(net.Listener) net.Listener{
		"plain": func(plain net.Listener) net.Listener { return plain },
		"TLS": func(plain net.Listener) net.Listener {
			return tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{pair}})
		},
	} {
		b.Run(name, func(b *testing.B) {
			const clients = 1000
			kit := actorstest.Start(b, func(o *actors.Options) { o.DrainTimeout, o.MaxConnectionsPerUser = new(time.Duration), 1<<20 })
			w, err := NewWebsocket(kit.System, WebsocketOptions{})
			require.NoError(b, err)
			plain := loopback(b)
			server := NewServer(w, nil)
			serveBy(b, server, w.Intercept(server, wrap(plain)))
			var ends []int
			before, cpu := held(), cpuTime()
			for b.Loop() {
				for range clients {
					ends = append(ends, connectAndForget(b, plain.Addr().String(), name == "TLS"))
				}
			}
			cpu = cpuTime() - cpu
			b.ReportMetric(float64(cpu.Microseconds())/float64(len(ends)), "cpu-µs/login")
			b.ReportMetric(float64(held()-before)/float64(len(ends)), "B/conn")
			b.ReportMetric(0, "ns/op")
			for _, fd := range ends {
				_ = unix.Close(fd)
			}
			require.NoError(b, kit.System.Shutdown(b.Context()))
			w.Close()
		})
	}
}

// connectAndForget logs a client in, and returns a descriptor that keeps its connection: the rest of the client is garbage.
func connectAndForget(b *testing.B, address string, encrypted bool) (fd int) {
	const answer = "\x81\x0dauthenticated"
	plain, err := net.Dial("tcp", address)
	require.NoError(b, err)
	conn := plain
	if encrypted {
		conn = tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
	}
	_, err = conn.Write(slices.Concat([]byte(wireHandshake), text("alice"), text("secret")))
	require.NoError(b, err)
	response := make([]byte, len(appendSwitching(nil, "dGhlIHNhbXBsZSBub25jZQ=="))+len(answer))
	_, err = io.ReadFull(conn, response)
	require.NoError(b, err)
	require.Equal(b, answer, string(response[len(response)-len(answer):]))
	raw, err := plain.(syscall.Conn).SyscallConn()
	require.NoError(b, err)
	require.NoError(b, raw.Control(func(of uintptr) { fd, err = unix.Dup(int(of)) }))
	require.NoError(b, err)
	require.NoError(b, plain.Close())
	return fd
}

// held returns what heap and stacks hold, in bytes.
func held() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
