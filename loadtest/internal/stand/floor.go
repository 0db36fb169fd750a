package stand

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
	"github.com/notifypush/notifypush/transport/frame"
)

// FloorWrites are what the floor's process writes: a frame to every socket, Passes times; then Writes frames, each to another socket, Rate
// of them a second.
type FloorWrites struct {
	Step   uint32
	Passes int
	Rate   float64
	Writes int
}

type floorReply struct {
	Address netip.AddrPort // in the first reply only
	Began   int64
	Error   string
}

// Floor is a bare loop in a process of its own that writes frames to clients and does nothing else.
type Floor struct {
	*process.Helper
	Address netip.AddrPort
}

// StartFloor starts it by a command that has to call [ServeFloor].
func StartFloor(ctx context.Context, command []string) (*Floor, error) {
	helper, err := process.StartHelper(ctx, command)
	if err != nil {
		return nil, err
	}
	var r floorReply
	if err := helper.Ask(nil, &r); err != nil {
		helper.Close()
		return nil, err
	}
	return &Floor{helper, r.Address}, nil
}

// Write writes and returns when it began, in µs since 1970.
func (f *Floor) Write(w FloorWrites) (began int64, err error) {
	var r floorReply
	if err = f.Ask(w, &r); err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	return r.Began, err
}

// ServeFloor is the floor's process: it accepts clients, and writes to all of them as it is asked to, until there is no more to read.
func ServeFloor(in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the clients of the floor: %w", err)
	}
	f := &floor{}
	var accepting sync.WaitGroup
	accepting.Go(func() { f.accept(listener) })
	defer accepting.Wait()
	defer listener.Close()
	defer f.close()
	if _, err := fmt.Fprintf(out, "{\"Address\":%q}\n", listener.Addr()); err != nil {
		return err
	}
	return process.ServeHelper(in, out, f.execute)
}

type floor struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (f *floor) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			if err := greet(conn); err != nil {
				conn.Close()
				return
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.conns = append(f.conns, conn)
		}()
	}
}

// greet lets everybody in. The answer to the login goes out before the client is counted as there, so that no frame can overtake it.
func greet(conn net.Conn) error {
	if _, err := http.ReadRequest(bufio.NewReaderSize(conn, 1<<10)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+wire.HandshakeAccept+"\r\n\r\n"); err != nil {
		return err
	}
	if _, err := conn.Read(make([]byte, 1<<10)); err != nil {
		return err
	}
	_, err := conn.Write(frame.Append(nil, frame.Text, "authenticated"))
	return err
}

func (f *floor) execute(w FloorWrites) floorReply {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := floorReply{Began: clock.Now()}
	err := f.writePasses(w, r.Began)
	if err == nil && w.Rate > 0 {
		err = f.writeAtRate(w, r.Began)
	}
	if err != nil {
		r.Error = fmt.Sprintf("write the frames of the floor: %v", err)
	}
	return r
}

func stamped(step, sequence uint32, due int64) []byte {
	return frame.Append(nil, frame.Text, string(wire.Stamp{To: wire.Anybody, Step: step, Sequence: sequence, Due: due}.Append(nil)))
}

func (f *floor) writePasses(w FloorWrites, began int64) error {
	for pass := range w.Passes {
		frame := stamped(w.Step, uint32(pass), began)
		for _, conn := range f.conns {
			if _, err := conn.Write(frame); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeAtRate writes each frame when it is due.
func (f *floor) writeAtRate(w FloorWrites, began int64) (err error) {
	order := swarm.Shuffled(len(f.conns))
	clock.Precisely(func(sleep func(time.Duration)) {
		for i := 0; i < w.Writes && err == nil; i++ {
			due := began + clock.Due(i, w.Rate)
			for at := clock.Now(); at < due; at = clock.Now() {
				sleep(time.Duration(due-at) * time.Microsecond)
			}
			_, err = f.conns[order[i%len(order)]].Write(stamped(w.Step, uint32(i/len(order)), due))
		}
	})
	return err
}

func (f *floor) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		conn.Close()
	}
}
