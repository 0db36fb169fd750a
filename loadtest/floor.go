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
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Floor measures what no server can be better than: a bare loop in a process of its own writes the same frames to the same
// number of sockets, with the same clients at their other ends and nothing else around it. Steps of publishing that follow
// are compared with it.
type Floor struct {
	// Passes is how often a frame is written to every socket, one pass at a time; with AtOnce without waiting until the
	// clients have those of the pass before.
	Passes int  `yaml:"passes"`
	AtOnce bool `yaml:"at_once"`
	// Rate, instead, is how many frames are written a second, each to another socket, for For.
	Rate float64       `yaml:"rate"`
	For  time.Duration `yaml:"for"`
}

// floored is what the floor gave.
type floored struct {
	cpu        float64 // µs a write
	last       float64 // ms until the last client has its frame
	deliveries float64 // a second
	p50, p99   float64 // ms
}

func (f *Floor) title() string { return "floor" }

func (f *Floor) check() error {
	switch {
	case f.Passes < 0 || f.Rate < 0 || f.For < 0:
		return errors.New("floor: no number can be negative")
	case (f.Rate > 0) != (f.For > 0) || (f.Rate > 0) == (f.Passes > 0):
		return errors.New("floor: needs passes, or rate and for")
	}
	return nil
}

func (f *Floor) run(ctx context.Context, b *bench) error {
	loop, err := startFloor(ctx, b.options.helper(HelperFloor))
	if err != nil {
		return err
	}
	defer loop.close()
	if err := b.recruit(loop.address, "/"); err != nil {
		return err
	}
	n := b.scenario.Clients
	if err := b.crew.do(order{Do: doConnect, Count: n, InFlight: 64}); err != nil {
		return err
	}
	tally, done, err := b.crew.await(ctx, connectPatience, func(t Tally) int { return t.Online }, n)
	if err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("only %d of %d clients are connected: %s", tally.Online, n, endings(tally))
	}
	return f.measure(ctx, b, loop)
}

func (f *Floor) measure(ctx context.Context, b *bench, loop *floorProcess) error {
	n := b.scenario.Clients
	orders := slices.Repeat([]floorOrder{{Passes: 1}}, max(f.Passes, 1))
	expected := n
	switch {
	case f.AtOnce:
		orders, expected = []floorOrder{{Passes: f.Passes}}, n*f.Passes
	case f.Rate > 0:
		expected = int(f.Rate * f.For.Seconds())
		orders = []floorOrder{{Rate: f.Rate, Writes: expected}}
	}
	before, err := ReadProcess(loop.process.Process.Pid)
	if err != nil {
		return err
	}
	total := newOutcome()
	for i, o := range orders {
		o.Step = uint32(i + 1)
		if err := b.crew.do(order{Do: doBegin}); err != nil {
			return err
		}
		began, err := loop.write(o)
		if err != nil {
			return err
		}
		if _, _, err := b.crew.await(ctx, patience, func(t Tally) int { return t.Delivered }, expected); err != nil {
			return err
		}
		c, err := b.crew.collect()
		if err != nil {
			return err
		}
		total.add(&outcome{Tally: c.Tally, expected: expected, latency: c.latency, lateness: newHistogram(),
			lastAfter: []float64{ms(c.Last - began)}, seconds: float64(c.Last-began) / 1e6, harness: c})
	}
	after, err := ReadProcess(loop.process.Process.Pid)
	if err != nil {
		return err
	}
	f.report(b, total, after.CPU-before.CPU)
	// The clients belong to the loop; those for the server are made anew.
	b.recruited = false
	return b.crew.do(order{Do: doLeave})
}

func (f *Floor) report(b *bench, o *outcome, used time.Duration) {
	slices.Sort(o.lastAfter)
	b.floor = floored{
		cpu:        used.Seconds() * 1e6 / float64(max(o.Delivered, 1)),
		last:       o.lastAfter[len(o.lastAfter)/2],
		deliveries: float64(o.Delivered) / o.seconds,
		p50:        ms(o.latency.ValueAtQuantile(50)),
		p99:        ms(o.latency.ValueAtQuantile(99)),
	}
	b.step.add("delivered", float64(o.Delivered), "")
	b.step.add("lost", float64(o.expected-o.Delivered), "")
	b.step.add("CPU a delivery", b.floor.cpu, "µs")
	b.step.add("deliveries/s", b.floor.deliveries, "/s")
	b.step.add("last client after", b.floor.last, "ms")
	b.step.addTimes("latency", o.latency)
	b.step.Latency = quantiles(o.latency)
	b.addHarness(o.harness)
}

// addAgainstFloor compares a step with the floor of the same run.
func (b *bench) addAgainstFloor(o *outcome) {
	if b.floor == (floored{}) {
		return
	}
	ratio := func(name string, floor float64) {
		if value, ok := b.step.Figure(name); ok && floor > 0 {
			b.step.add(name+" / floor", value/floor, "×")
		}
	}
	ratio("CPU a delivery", b.floor.cpu)
	ratio("last client after", b.floor.last)
	ratio("deliveries/s", b.floor.deliveries)
	ratio("latency p50", b.floor.p50)
	ratio("latency p99", b.floor.p99)
}

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

type floorProcess struct {
	process *exec.Cmd
	orders  *json.Encoder
	reports *json.Decoder
	input   io.Closer
	address netip.AddrPort
}

func startFloor(ctx context.Context, command []string) (*floorProcess, error) {
	process, err := startRemote(ctx, command)
	if err != nil {
		return nil, err
	}
	var r floorReport
	if err := process.reports.Decode(&r); err != nil {
		process.close()
		return nil, fmt.Errorf("start the loop that measures the floor: %w", err)
	}
	return &floorProcess{process.process, process.orders, process.reports, process.input, r.Address}, nil
}

func (f *floorProcess) write(o floorOrder) (began int64, err error) {
	if err := f.orders.Encode(o); err != nil {
		return 0, fmt.Errorf("tell the loop that measures the floor: %w", err)
	}
	var r floorReport
	if err := f.reports.Decode(&r); err != nil {
		return 0, fmt.Errorf("hear from the loop that measures the floor: %w", err)
	}
	if r.Error != "" {
		return 0, errors.New(r.Error)
	}
	return r.Began, nil
}

func (f *floorProcess) close() {
	f.input.Close()
	_ = f.process.Wait()
}

// WriteFloor is the process of the bare loop: it accepts clients, and writes to all of them what the orders that it reads say,
// one JSON object a line, until there are no more.
func WriteFloor(in io.Reader, out io.Writer) error {
	if _, err := raiseFileLimit(); err != nil {
		return err
	}
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
		frame := serverFrame(stamp{o.Step, uint32(pass), began}.append(nil))
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
			frame := serverFrame(stamp{o.Step, uint32(i / len(order)), due}.append(nil))
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

// helperName tells a process of the harness what it is.
const (
	// HelperWorker is a process of simulated clients, see [Work].
	HelperWorker = "worker"
	// HelperFloor is the loop that measures the floor, see [WriteFloor].
	HelperFloor = "floor"
)

// Help is the main function of a helper process; os.Stdin and os.Stdout are how it is spoken to.
func Help(name string) error {
	switch name {
	case HelperWorker:
		return Work(os.Stdin, os.Stdout)
	case HelperFloor:
		return WriteFloor(os.Stdin, os.Stdout)
	default:
		return fmt.Errorf("%q is no helper of the load test", name)
	}
}
