package storage

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
)

// What Redis may announce. The client library allocates what was announced before it has come, and
// whatever answers at Redis's address could end this process with a dozen bytes.
const (
	maxReply      = 64 << 20 // bytes of a whole reply; the payload of a custom message has 49 MiB at most
	elementCost   = 64       // bytes that an element counts for beside its text, which is what it takes in memory
	maxElements   = 1 << 16  // of one array; CLUSTER SLOTS has as many as there are slots
	maxReplyDepth = 8        // of arrays in arrays
	maxReplyLine  = 64 << 10 // bytes of a line that is no text, such as an error
	maxLengthLine = 32       // and of one that announces a length
)

var errReplyTooLong = fmt.Errorf("unexpected reply: more than %d bytes in all: is this really a Redis server?", maxReply)

// tlsAlert is what a TLS server answers to a client that speaks plainly, without a line end.
var tlsAlert = []byte{0x15, 0x03}

// replyGuard is a connection on which a reply that announces too much is an error. It follows the
// protocol of Redis only as far as that takes (https://redis.io/docs/latest/develop/reference/protocol-spec/).
type replyGuard struct {
	net.Conn // set once

	// owned by Read
	line []byte // the beginning of the one that is arriving, as much as a length takes
	size int    // of all of that line
	skip int    // bytes of a text that are still to come, its line end included
	open []int  // elements that arrays still lack, the innermost last
	left int    // bytes that the reply may still have
}

func (g *replyGuard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if fault := g.follow(p[:n]); fault != nil {
		return 0, fault
	}
	return n, err
}

func (g *replyGuard) follow(data []byte) error {
	for len(data) > 0 {
		if n := min(g.skip, len(data)); n > 0 {
			g.skip -= n
			data = data[n:]
			continue
		}
		part, rest, complete := bytes.Cut(data, []byte{'\n'})
		g.line = append(g.line, part[:min(len(part), maxLengthLine-len(g.line))]...)
		g.size += len(part)
		data = rest
		if g.size > maxReplyLine {
			return fmt.Errorf("unexpected reply: a line of more than %d bytes: is this really a Redis server?", maxReplyLine)
		}
		if !complete && !bytes.HasPrefix(g.line, tlsAlert) {
			return nil
		}
		if err := g.header(); err != nil {
			return err
		}
		g.line, g.size = g.line[:0], 0
	}
	return nil
}

// header takes the line that every reply begins with.
func (g *replyGuard) header() error {
	line := bytes.TrimSuffix(g.line, []byte{'\r'})
	if len(g.open) == 0 {
		g.left = maxReply
	}
	g.left -= g.size
	var most int
	switch {
	case g.left < 0:
		return errReplyTooLong
	case bytes.HasPrefix(line, []byte{'$'}):
		most = g.left
	case bytes.HasPrefix(line, []byte{'*'}):
		most = min(maxElements, g.left/elementCost)
	case bytes.HasPrefix(line, []byte("HTTP/")), bytes.HasPrefix(line, []byte("<")):
		return errWebServer
	case bytes.HasPrefix(line, tlsAlert):
		return errTLSAlert
	case len(line) == 0 || !bytes.ContainsRune([]byte("+-:"), rune(line[0])):
		return errNotRedis
	default:
		g.endElement()
		return nil
	}
	n, err := strconv.Atoi(string(line[1:]))
	if err != nil || n > most || g.size > len(g.line) {
		return fmt.Errorf("unexpected reply: %q announced, and %d is the limit: is this really a Redis server?", line, most)
	}
	switch {
	case line[0] == '*' && n > 0:
		g.left -= n * elementCost
		if g.open = append(g.open, n); len(g.open) > maxReplyDepth {
			return fmt.Errorf("unexpected reply: arrays in arrays, deeper than %d: is this really a Redis server?", maxReplyDepth)
		}
		return nil
	case line[0] == '$' && n >= 0:
		g.skip = n + len("\r\n")
		g.left -= n
	}
	g.endElement()
	return nil
}

// endElement ends an element, and the arrays whose last one it is.
func (g *replyGuard) endElement() {
	for len(g.open) > 0 {
		last := len(g.open) - 1
		if g.open[last]--; g.open[last] > 0 {
			return
		}
		g.open = g.open[:last]
	}
}
