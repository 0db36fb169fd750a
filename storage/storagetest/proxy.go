//go:build unix

package storagetest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a server, and can be the bad network between the two.
type Proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]struct{}
	refuses bool
	deaf    bool // connections that subscribe at Redis are refused
	delay   time.Duration
	flowing chan struct{} // closed while bytes pass
}

// link is a client's connection and the one to the server.
type link struct {
	client, server net.Conn
	subscribes     bool // guarded by Proxy.mu
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// NewProxy starts a proxy in front of target, a host:port. It ends with its test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, target: target, links: map[*link]struct{}{}, flowing: make(chan struct{})}
	close(p.flowing)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
		p.Resume()
		p.running.Wait()
	})
	return p
}

// Addr is where the proxy listens, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut ends all connections and refuses new ones, until Resume.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = true
	for l := range p.links {
		l.close()
	}
}

// CutSubscriptions ends the connections over which a client of Redis has subscribed, and each that does so until Resume. Others
// pass.
func (p *Proxy) CutSubscriptions() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = true
	for l := range p.links {
		if l.subscribes {
			l.close()
		}
	}
}

// Stall lets no byte through any more, and says so to nobody, as when a cable is pulled: connections
// stay open, and new ones are accepted but lead nowhere.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flowing = make(chan struct{})
}

// Resume ends what Cut, CutSubscriptions or Stall began. What waited passes now.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses, p.deaf = false, false
	select {
	case <-p.flowing:
	default:
		close(p.flowing)
	}
}

// Delay has each piece of data wait that long, in each direction, before it passes.
func (p *Proxy) Delay(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.start(&link{client: client, server: server})
	}
}

func (p *Proxy) start(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses {
		l.close()
		return
	}
	p.links[l] = struct{}{}
	var directions sync.WaitGroup
	directions.Go(func() { p.pass(l, l.client, l.server) })
	directions.Go(func() { p.pass(l, l.server, l.client) })
	p.running.Go(func() {
		directions.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	})
}

// pass copies one direction of a link, and ends the link with it.
func (p *Proxy) pass(l *link, to io.Writer, from io.Reader) {
	defer l.close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		delay, flowing := p.delay, p.flowing
		if from == l.client && bytes.Contains(buffer[:n], []byte("SUBSCRIBE")) {
			l.subscribes = true
		}
		cut := p.deaf && l.subscribes
		p.mu.Unlock()
		if cut {
			return
		}
		time.Sleep(delay)
		<-flowing
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
