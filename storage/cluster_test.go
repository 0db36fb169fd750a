package storage

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage/storagetest"
)

func TestCluster(t *testing.T) {
	for _, test := range []struct {
		name, password string
		tls            bool
		args           []string
	}{
		{"plain", "", false, nil},
		{"password", "secret", false, []string{"--requirepass", "secret", "--masterauth", "secret"}},
		{"TLS", "", true, []string{"--tls-cluster", "yes", "--tls-auth-clients", "yes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			nodes := storagetest.RedisCluster(t, test.args...)
			cert, key := nodes[0].Authority.Issue("client")
			options := RedisOptions{
				Cluster:  true,
				Password: actors.Secret(test.password),
				Database: 7, // which a cluster refuses: no SELECT may be sent
				TLS:      RedisTLS{CA: nodes[0].Authority.CA, Cert: cert, Key: key},
			}
			for _, node := range nodes {
				options.Addresses = append(options.Addresses, addressOf(node, test.tls))
			}
			testCluster(t, nodes, options)
		})
	}
}

func testCluster(t *testing.T, nodes []*storagetest.RedisServer, options RedisOptions) {
	t.Run("keys", func(t *testing.T) {
		r := newRedis(t, options)
		holders := map[*storagetest.RedisServer]bool{}
		for i := range 30 {
			key := fmt.Sprint("key", i)
			require.NoError(t, r.Set(t.Context(), key, key, 0))
			holders[storagetest.SlotOwner(t, nodes, options.Password.Reveal(), key)] = true
			value, found, err := r.Get(t.Context(), key)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, key, value)
			require.NoError(t, r.Delete(t.Context(), key))
		}
		require.Len(t, holders, 3, "keys of every node")
	})
	t.Run("events from every node", func(t *testing.T) {
		r := newRedis(t, options)
		n := receive(t, r, "a", "b").awaitSubscribed()
		for i, node := range nodes {
			n.hear(fmt.Sprint(i), func() { node.Do(options.Password.Reveal(), "PUBLISH", "a", i) })
		}
		n.hear("x", func() {
			_, err := r.Publish(t.Context(), "a", []byte("x"))
			require.NoError(t, err)
		})
	})
	t.Run("one seed tells of all nodes", func(t *testing.T) {
		single := options
		single.Addresses = options.Addresses[2:]
		r := newRedis(t, single)
		_, _, err := r.Get(t.Context(), "key")
		require.NoError(t, err)
		for _, address := range options.Addresses {
			require.True(t, slices.ContainsFunc(r.current().candidates(), func(n node) bool { return n.String() == address }), address)
		}
	})
	t.Run("a dead seed", func(t *testing.T) {
		dead := options
		dead.Addresses = append([]string{fmt.Sprintf("redis://127.0.0.1:%d", storagetest.FreePort(t))}, options.Addresses...)
		r := newRedis(t, dead)
		require.NoError(t, r.Set(t.Context(), "key", "value", 0))
		receive(t, r, "a").awaitSubscribed()
	})
	t.Run("a node dies", func(t *testing.T) {
		seed := options
		seed.Addresses = options.Addresses[:1]
		r := newRedis(t, seed)
		n := receive(t, r, "a").awaitSubscribed()
		at := slices.IndexFunc(nodes, func(n *storagetest.RedisServer) bool {
			return n.Do(options.Password.Reveal(), "PUBSUB", "NUMSUB", "a").([]any)[1].(int64) > 0
		})
		nodes[at].Kill()
		require.ErrorContains(t, <-n.result, options.Addresses[at])
		n = receive(t, r, "a").awaitSubscribed()
		n.hear("still here", func() { nodes[(at+1)%3].Do(options.Password.Reveal(), "PUBLISH", "a", "still here") })

		nodes[at].Start()
		for i := range 10 {
			key := fmt.Sprint("key", i)
			if storagetest.SlotOwner(t, nodes, options.Password.Reveal(), key) != nodes[at] {
				require.NoError(t, r.Set(t.Context(), key, key, 0))
			}
		}
	})
}

// hear publishes on channel a until the payload is heard: nodes that are connecting to one another lose what is
// published.
func (n *reception) hear(payload string, publish func()) {
	n.t.Helper()
	for {
		publish()
		retry := time.After(100 * time.Millisecond)
		for waiting := true; waiting; {
			select {
			case got := <-n.messages:
				if got == (received{"a", payload}) {
					return
				}
			case err := <-n.result:
				n.t.Fatalf("the subscription ended: %v", err)
			case <-retry:
				waiting = false
			}
		}
	}
}

func addressOf(node *storagetest.RedisServer, tls bool) string {
	if tls {
		return node.TLSURL()
	}
	return node.URL()
}

// A slot on its way from one node to another is answered for by either: ASK.
func TestClusterSlotOnItsWay(t *testing.T) {
	nodes := storagetest.RedisCluster(t)
	r := newRedis(t, RedisOptions{Cluster: true, Addresses: []string{nodes[0].URL()}})
	const key = "travelling"
	slot := int(slotOf(key))
	from := storagetest.SlotOwner(t, nodes, "", key)
	to := nodes[(slices.Index(nodes, from)+1)%len(nodes)]
	id := func(s *storagetest.RedisServer) string {
		id, err := redis.String(s.Do("", "CLUSTER", "MYID"), nil)
		require.NoError(t, err)
		return id
	}
	to.Do("", "CLUSTER", "SETSLOT", slot, "IMPORTING", id(from))
	from.Do("", "CLUSTER", "SETSLOT", slot, "MIGRATING", id(to))

	require.NoError(t, r.Set(t.Context(), key, "value", 0), "new keys go to the new owner")
	value, _, err := r.Get(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "value", value)

	to.Do("", "CLUSTER", "SETSLOT", slot, "NODE", id(to))
	from.Do("", "CLUSTER", "SETSLOT", slot, "NODE", id(to))
	value, _, err = r.Get(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "value", value)
}

// Containers come back at other addresses. What a cluster says of itself replaces what it said before.
func TestClusterThatMoves(t *testing.T) {
	seed := fmt.Sprintf("redis://127.0.0.1:%d", storagetest.FreePort(t))
	r := newRedis(t, RedisOptions{Cluster: true, Addresses: []string{seed}}).current()
	at := func(host string) node { return node{network: "tcp", address: host + ":6379"} }
	r.replaceNodes([]node{at("a"), at("b")})
	r.own(1, at("a"))
	r.own(2, at("b"))
	old, kept := r.pool(at("a")), r.pool(at("b"))
	r.demote(r.seeds[0])

	r.replaceNodes([]node{at("b"), at("c")})
	require.Equal(t, []node{at("b"), r.seeds[0], at("c")}, r.candidates(), "the seed stays, behind who has not failed")
	require.Equal(t, r.candidates(), r.candidatesFor(1), "the owner is gone")
	require.Equal(t, at("b"), r.candidatesFor(2)[0])
	require.Len(t, r.pools, 1)
	require.Same(t, kept, r.pool(at("b")))
	_, err := old.GetContext(t.Context())
	require.ErrorContains(t, err, "closed")
}

// A node that has just been started is asked, too: a seed may lead to it.
func TestClusterOfAFreshNode(t *testing.T) {
	nodes := storagetest.RedisCluster(t)
	fresh := storagetest.Redis(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(storagetest.FreePort(t)))
	r := newRedis(t, RedisOptions{Cluster: true, Addresses: []string{nodes[0].URL(), fresh.URL()}})
	_, _, err := r.Get(t.Context(), "key")
	require.NoError(t, err)
	known := r.current().candidates()
	conn, err := r.current().pool(r.current().seeds[1]).GetContext(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Equal(t, known, r.current().candidates(), "it knows of nobody: nothing is forgotten")
}

func TestClusterWithoutANode(t *testing.T) {
	first := fmt.Sprintf("redis://127.0.0.1:%d", storagetest.FreePort(t))
	second := fmt.Sprintf("redis://127.0.0.1:%d", storagetest.FreePort(t))
	r := newRedis(t, RedisOptions{Cluster: true, Addresses: []string{first, second}})
	_, _, err := r.Get(t.Context(), "key")
	requireStep(t, StepDial, err)
	require.ErrorContains(t, err, first)
	require.ErrorContains(t, err, second)
	err = r.Receive(t.Context(), []string{"a"}, nil, nil)
	requireStep(t, StepDial, err)
	require.ErrorContains(t, err, first)
	require.ErrorContains(t, err, second)
}

// The specification of Redis Cluster gives the first value; CLUSTER KEYSLOT the others.
func TestSlotOf(t *testing.T) {
	require.EqualValues(t, 0x31c3, slotOf("123456789"))
	server := storagetest.Redis(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(storagetest.FreePort(t)))
	for _, key := range []string{"", "key", "{user}.a", "a{user}b", "{}a", "a{b", "{a}{b}", "a{{b}}c", "ü€", "\x00"} {
		require.Equal(t, server.Do("", "CLUSTER", "KEYSLOT", key), int64(slotOf(key)), "%q", key)
	}
}

func TestParseRedirect(t *testing.T) {
	from := node{"tcp", "10.0.0.1:6379", true}
	for reply, want := range map[string]struct {
		moved, redirected bool
		address           string
	}{
		"MOVED 3999 127.0.0.1:6381":     {true, true, "127.0.0.1:6381"},
		"ASK 3999 127.0.0.1:6381":       {false, true, "127.0.0.1:6381"},
		"MOVED 3999 cache.example:6381": {true, true, "cache.example:6381"},
		"MOVED 3999 :6381":              {true, true, "10.0.0.1:6381"},
		"MOVED 3999 ?:6381":             {true, true, "10.0.0.1:6381"},
		"MOVED 3999 fe80::1:6381":       {true, true, "[fe80::1]:6381"},
		"MOVED 3999":                    {},
		"MOVED 3999 nonsense":           {},
		"CLUSTERDOWN Hash slot":         {},
		"":                              {},
	} {
		moved, target, redirected := parseRedirect(redis.Error(reply), from)
		require.Equal(t, want.redirected, redirected, reply)
		require.Equal(t, want.moved, moved, reply)
		if redirected {
			require.Equal(t, node{"tcp", want.address, true}, target, reply)
		}
	}
}

func FuzzParseRedirect(f *testing.F) {
	f.Add("MOVED 3999 127.0.0.1:6381")
	f.Add("ASK 1 :1")
	f.Fuzz(func(t *testing.T, reply string) {
		_, target, redirected := parseRedirect(redis.Error(reply), node{"tcp", "10.0.0.1:6379", false})
		if redirected && !strings.Contains(target.address, ":") {
			t.Fatalf("%q leads to %q", reply, target.address)
		}
	})
}

// FuzzNodesOf reads the nodes in anything that the client library makes of an answer.
func FuzzNodesOf(f *testing.F) {
	f.Add([]byte("*3\r\n:0\r\n:1\r\n*3\r\n$8\r\n10.0.0.2\r\n:6380\r\n$2\r\nid\r\n"))
	f.Add([]byte("*3\r\n:0\r\n:1\r\n*2\r\n$-1\r\n$4\r\n6380\r\n"))
	f.Add([]byte("*4\r\n$0\r\n\r\n*0\r\n*-1\r\n*2\r\n*0\r\n-ERR\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		replies, _ := readAll(bytes.NewReader(answer))
		for _, reply := range replies {
			for _, n := range nodesOf(reply, node{"tcp", "10.0.0.1:6379", true}) {
				if _, _, err := net.SplitHostPort(n.address); n.network != "tcp" || !n.tls || err != nil && !strings.Contains(n.address, "]") {
					t.Fatalf("%v is no sibling: %v", n, err)
				}
			}
		}
	})
}

// Replies of Redis 6 and 7, of nodes that do not know their host, and damaged ones.
func TestNodesOf(t *testing.T) {
	asked := node{"tcp", "10.0.0.1:6379", false}
	other := node{"tcp", "10.0.0.2:6380", false}
	host, port := []byte("10.0.0.2"), int64(6380)
	for name, test := range map[string]struct {
		reply any
		want  []node
	}{
		"Redis 6":       {[]any{int64(0), int64(1), []any{host, port, []byte("id")}}, []node{other}},
		"Redis 7":       {[]any{int64(0), int64(1), []any{host, port, []byte("id"), []any{}}}, []node{other}},
		"no host":       {[]any{int64(0), int64(1), []any{nil, port}}, []node{{"tcp", "10.0.0.1:6380", false}}},
		"empty host":    {[]any{int64(0), int64(1), []any{[]byte(""), port}}, []node{{"tcp", "10.0.0.1:6380", false}}},
		"unknown host":  {[]any{int64(0), int64(1), []any{[]byte("?"), port}}, []node{{"tcp", "10.0.0.1:6380", false}}},
		"replicas":      {[]any{int64(0), int64(1), []any{host, port}, []any{host, port}}, []node{other, other}},
		"no nodes":      {[]any{int64(0), int64(1)}, nil},
		"no port":       {[]any{int64(0), int64(1), []any{host}}, nil},
		"port no one's": {[]any{int64(0), int64(1), []any{host, nil}}, nil},
		"no array":      {"OK", nil},
		"nothing":       {nil, nil},
	} {
		require.Equal(t, test.want, nodesOf(test.reply, asked), name)
	}
}

// Servers subscribe at different nodes, also where they know one only; where a node is gone, at those that are left.
func TestClusterIsSubscribedAtDifferentNodes(t *testing.T) {
	nodes := storagetest.RedisCluster(t)
	subscribers := func() (counts []int) {
		for _, n := range nodes {
			reply := n.Do("", "PUBSUB", "NUMSUB", "a").([]any)
			counts = append(counts, int(reply[1].(int64)))
		}
		return counts
	}
	var receivers []*reception
	for range nodes {
		r := newRedis(t, RedisOptions{Cluster: true, Addresses: []string{addressOf(nodes[0], false)}})
		receivers = append(receivers, receive(t, r, "a").awaitSubscribed())
	}
	require.Equal(t, []int{1, 1, 1}, subscribers())
	for i, n := range nodes {
		for _, r := range receivers {
			r.hear(fmt.Sprint(i), func() { n.Do("", "PUBLISH", "a", i) })
		}
	}
}
