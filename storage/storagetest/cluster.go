//go:build unix

package storagetest

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// RedisCluster starts a Redis Cluster of three masters that share the slots evenly. A lost node
// takes only its own slots along. args are further options for each redis-server; with
// "--tls-cluster", "yes" the nodes speak TLS among themselves.
func RedisCluster(t testing.TB, args ...string) []*RedisServer {
	t.Helper()
	authority := NewAuthority(t)
	nodes := make([]*RedisServer, 3)
	for i := range nodes {
		nodes[i] = redisOf(t, authority, append([]string{
			"--cluster-enabled", "yes",
			"--cluster-config-file", "nodes.conf",
			"--cluster-port", strconv.Itoa(FreePort(t)),
			"--cluster-node-timeout", "2000",
			"--cluster-require-full-coverage", "no",
		}, args...)...)
	}
	formCluster(t, nodes, passwordOf(args))
	return nodes
}

func passwordOf(args []string) string {
	for i, arg := range args {
		if arg == "--requirepass" {
			return args[i+1]
		}
	}
	return ""
}

func formCluster(t testing.TB, nodes []*RedisServer, password string) {
	t.Helper()
	const slots = 16384
	for i, node := range nodes {
		node.Do(password, "CLUSTER", "ADDSLOTSRANGE", i*slots/len(nodes), (i+1)*slots/len(nodes)-1)
	}
	for _, node := range nodes[1:] {
		meet(nodes[0], node, password)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for _, node := range nodes {
		awaitCluster(ctx, t, node, len(nodes), password)
	}
}

func meet(node, other *RedisServer, password string) {
	port := other.Port
	if tls, _ := redis.Strings(node.Do(password, "CONFIG", "GET", "tls-cluster"), nil); tls[1] == "yes" {
		port = other.TLSPort
	}
	bus, _ := redis.Strings(other.Do(password, "CONFIG", "GET", "cluster-port"), nil)
	node.Do(password, "CLUSTER", "MEET", "127.0.0.1", port, bus[1])
}

func awaitCluster(ctx context.Context, t testing.TB, node *RedisServer, size int, password string) {
	t.Helper()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		info, _ := redis.String(node.Do(password, "CLUSTER", "INFO"), nil)
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:"+strconv.Itoa(size)) {
			return
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			t.Fatalf("the cluster does not form:\n%s", info)
		}
	}
}

// SlotOwner returns which of the nodes of a cluster owns the slot of key.
func SlotOwner(t testing.TB, nodes []*RedisServer, password, key string) *RedisServer {
	t.Helper()
	for _, node := range nodes {
		conn, err := redis.Dial("unix", node.Socket, redis.DialPassword(password))
		if err != nil {
			continue // a node that the test has ended
		}
		_, err = conn.Do("EXISTS", key)
		conn.Close()
		if err == nil {
			return node
		}
		if _, port, _ := net.SplitHostPort(err.Error()[strings.LastIndexByte(err.Error(), ' ')+1:]); port != "" {
			for _, owner := range nodes {
				if port == strconv.Itoa(owner.Port) || port == strconv.Itoa(owner.TLSPort) {
					return owner
				}
			}
		}
	}
	t.Fatalf("no node owns the key %q", key)
	return nil
}
