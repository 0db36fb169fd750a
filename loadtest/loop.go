package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// floorOrder has the loop write frames; it answers when it has.
type floorOrder struct {
	Step   uint32
	Passes int
	Rate   float64
	Writes int
}

type floorReport struct {
	Address netip.AddrPort // the first report only
	Began   int64
	Error   string
}

// floorProcess is the loop, in its process.
type floorProcess struct {
	*helper
	address netip.AddrPort
}

func startFloor(ctx context.Context, command []string) (*floorProcess, error) {
	helper, err := startHelper(ctx, command)
	if err != nil {
		return nil, err
	}
	var r floorReport
	if err := helper.reports.Decode(&r); err != nil {
		helper.close()
		return nil, fmt.Errorf("start the loop that measures the floor: %w", err)
	}
	return &floorProcess{helper, r.Address}, nil
}

func (f *floorProcess) write(o floorOrder) (began int64, err error) {
	var r floorReport
	if err := f.ask(o, &r); err != nil {
		return 0, err
	}
	if r.Error != "" {
		return 0, errors.New(r.Error)
	}
	return r.Began, nil
}

// writeFloor is the process of the bare loop: it accepts clients, and writes to all of them what the orders that it reads say,
// one JSON object a line, until there are no more.
func writeFloor(in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the floor: %w", err)
	}
	l := &loop{}
	var accepting sync.WaitGroup
	accepting.Go(func() { l.accept(listener) })
	defer accepting.Wait()
	defer listener.Close()
	defer l.close()

	reports := json.NewEncoder(out)
	if err := reports.Encode(floorReport{Address: listener.Addr().(*net.TCPAddr).AddrPort()}); err != nil {
		return err
	}
	orders := json.NewDecoder(in)
	for {
		var o floorOrder
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read an order of the load test: %w", err)
		}
		if err := reports.Encode(l.obey(o)); err != nil {
			return err
		}
	}
}

// loop holds the sockets that it writes to.
type loop struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (l *loop) accept(listener net.Listener) {
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
			l.mu.Lock()
			defer l.mu.Unlock()
			l.conns = append(l.conns, conn)
		}()
	}
}

// greet believes whatever the client says. The answer to the login goes out before the client is counted as there, so that no
// frame can overtake it.
func greet(conn net.Conn) error {
	buffer := make([]byte, 1<<10)
	n := 0
	for !bytes.Contains(buffer[:n], []byte("\r\n\r\n")) {
		m, err := conn.Read(buffer[n:])
		if err != nil {
			return err
		}
		n += m
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + handshakeAnswer + "\r\n\r\n"
	if _, err := io.Copy(conn, strings.NewReader(answer)); err != nil {
		return err
	}
	if _, err := conn.Read(buffer); err != nil {
		return err
	}
	_, err := conn.Write(serverFrame([]byte("authenticated")))
	return err
}

// serverFrame is a text frame of at most 125 bytes, not masked.
func serverFrame(text []byte) []byte {
	return append([]byte{0x80 | opText, byte(len(text))}, text...)
}

func (l *loop) obey(o floorOrder) floorReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := floorReport{Began: now()}
	err := l.write(o, r.Began)
	if err != nil {
		r.Error = fmt.Sprintf("write to measure the floor: %v", err)
	}
	return r
}

func (l *loop) write(o floorOrder, began int64) error {
	for pass := range o.Passes {
		frame := serverFrame(stamp{anybody, o.Step, uint32(pass), began}.append(nil))
		for _, conn := range l.conns {
			if _, err := conn.Write(frame); err != nil {
				return err
			}
		}
	}
	if o.Rate > 0 {
		return l.pace(o, began)
	}
	return nil
}

// pace writes each frame when it is due.
func (l *loop) pace(o floorOrder, began int64) (err error) {
	order := shuffled(len(l.conns))
	pauses(func(pause func(time.Duration)) {
		for i := 0; i < o.Writes && err == nil; i++ {
			due := began + int64(float64(i)/o.Rate*1e6)
			for at := now(); at < due; at = now() {
				pause(time.Duration(due-at) * time.Microsecond)
			}
			frame := serverFrame(stamp{anybody, o.Step, uint32(i / len(order)), due}.append(nil))
			_, err = l.conns[order[i%len(order)]].Write(frame)
		}
	})
	return err
}

func (l *loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
}
