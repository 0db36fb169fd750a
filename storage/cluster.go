package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// node is one Redis server.
type node struct {
	network string // "tcp" or "unix"
	address string // host:port or path
	tls     bool
}

// errNodeAddress does not repeat the address, which may hold a password.
var errNodeAddress = errors.New("an address of Redis must be redis://host:port, rediss://host:port or unix:///path")

// parseNode reads an address without user and password, which are options of their own.
func parseNode(address string) (node, error) {
	if path, isSocket := strings.CutPrefix(address, "unix://"); isSocket {
		if !filepath.IsAbs(path) {
			return node{}, errors.New("the path of a unix socket in an address of Redis must be absolute: unix:///path")
		}
		return node{network: "unix", address: path}, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return node{}, errNodeAddress
	}
	if (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" {
		return node{}, errNodeAddress
	}
	port := cmp.Or(u.Port(), "6379")
	return node{network: "tcp", address: net.JoinHostPort(u.Hostname(), port), tls: u.Scheme == "rediss"}, nil
}

func (n node) String() string {
	switch {
	case n.network == "unix":
		return "unix://" + n.address
	case n.tls:
		return "rediss://" + n.address
	default:
		return "redis://" + n.address
	}
}

// sibling is the node of the same cluster at another address. A node that does not know its own
// host names none, or "?": it is the one that was asked.
func (n node) sibling(host, port string) node {
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(n.address)
	}
	return node{network: "tcp", address: net.JoinHostPort(host, port), tls: n.tls}
}

// candidates are the nodes to try, the best first.
func (c *client) candidates() []node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// demote lets all other nodes be tried before n.
func (c *client) demote(n node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := slices.Index(c.nodes, n); at >= 0 {
		c.nodes = append(slices.Delete(c.nodes, at, at+1), n)
	}
}

// learnNodes asks a node who else is in the cluster, so that the seeds may all go. A node that does
// not answer that is no failure: it may serve all the same.
func (c *client) learnNodes(ctx context.Context, n node, conn redis.Conn) {
	ranges, err := redis.Values(redis.DoContext(conn, ctx, "CLUSTER", "SLOTS"))
	if err != nil {
		return
	}
	var present []node
	for _, slots := range ranges {
		present = append(present, nodesOf(slots, n)...)
	}
	if len(present) > 0 {
		c.replaceNodes(present)
	}
}

// replaceNodes forgets the nodes that are neither seeds nor present, because containers that are replaced come
// back at other addresses. The order of those that stay does not change: a node that failed comes last.
func (c *client) replaceNodes(present []node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	removed := func(n node) bool { return !slices.Contains(c.seeds, n) && !slices.Contains(present, n) }
	c.nodes = slices.DeleteFunc(c.nodes, removed)
	for _, n := range present {
		if !slices.Contains(c.nodes, n) {
			c.nodes = append(c.nodes, n)
		}
	}
	maps.DeleteFunc(c.owners, func(_ uint16, owner node) bool { return removed(owner) })
	for n, pool := range c.pools {
		if removed(n) {
			c.drop(n, pool)
		}
	}
}

// nodesOf reads one element of the reply to CLUSTER SLOTS: first slot, last slot, and then for each
// node of them its host, its port, and more.
func nodesOf(slots any, asked node) []node {
	fields, err := redis.Values(slots, nil)
	if err != nil || len(fields) < 3 {
		return nil
	}
	var nodes []node
	for _, field := range fields[2:] {
		var host string // empty where Redis names none
		var port int
		parts, _ := redis.Values(field, nil)
		if _, err := redis.Scan(parts, &host, &port); err == nil && port != 0 {
			nodes = append(nodes, asked.sibling(host, strconv.Itoa(port)))
		}
	}
	return nodes
}

// maxRedirects is far more than a cluster needs that is not changing all the time.
const maxRedirects = 8

// doInCluster sends a command to the node that owns the slot of key. In place of a node that cannot be
// reached another one is asked, which redirects to the present owner.
func (c *client) doInCluster(ctx context.Context, key, command string, args []any) (any, error) {
	slot := slotOf(key)
	var failures []error
	for _, n := range c.candidatesFor(slot) {
		reply, err := c.followRedirects(ctx, n, slot, command, args)
		if err == nil || replyOf(err) != "" || ctx.Err() != nil {
			return reply, err
		}
		c.disown(slot)
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func (c *client) followRedirects(ctx context.Context, n node, slot uint16, command string, args []any) (any, error) {
	asking := false
	for range maxRedirects {
		reply, err := c.doAt(ctx, n, asking, command, args)
		moved, target, redirected := parseRedirect(err, n)
		if !redirected {
			return reply, err
		}
		if moved {
			c.own(slot, target)
		}
		n, asking = target, !moved
	}
	return nil, fmt.Errorf("Redis Cluster sends %s from node to node: is it being rebuilt?", command)
}

// parseRedirect reads "MOVED 3999 10.0.0.1:6381" and "ASK 3999 10.0.0.1:6381". The host may be empty
// or an IPv6 address without brackets.
func parseRedirect(err error, from node) (moved bool, target node, redirected bool) {
	fields := strings.Fields(replyOf(err))
	if len(fields) < 3 || (fields[0] != "MOVED" && fields[0] != "ASK") {
		return false, node{}, false
	}
	colon := strings.LastIndexByte(fields[2], ':')
	if colon < 0 {
		return false, node{}, false
	}
	host := strings.Trim(fields[2][:colon], "[]")
	return fields[0] == "MOVED", from.sibling(host, fields[2][colon+1:]), true
}

// candidatesFor are the nodes to try for a slot: its owner, if known, then all others.
func (c *client) candidatesFor(slot uint16) []node {
	c.mu.Lock()
	defer c.mu.Unlock()
	owner, known := c.owners[slot]
	if !known {
		return slices.Clone(c.nodes)
	}
	others := slices.DeleteFunc(slices.Clone(c.nodes), func(n node) bool { return n == owner })
	return append([]node{owner}, others...)
}

func (c *client) own(slot uint16, owner node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners[slot] = owner
	if !slices.Contains(c.nodes, owner) {
		c.nodes = append(c.nodes, owner)
	}
}

func (c *client) disown(slot uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.owners, slot)
}

// slotOf is the hash slot of a key, by the specification of Redis Cluster: CRC-16/XMODEM of the key,
// or of what is in its first braces, modulo 16384.
func slotOf(key string) uint16 {
	if _, tail, found := strings.Cut(key, "{"); found {
		if tag, _, closed := strings.Cut(tail, "}"); closed && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}
