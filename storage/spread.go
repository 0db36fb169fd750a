package storage

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// askSubscribersTimeout is how long the nodes of a cluster may take to say how many subscribers they have.
const askSubscribersTimeout = time.Second

// subscribable are the nodes to subscribe at, the best first. In a cluster those are the ones that have fewest subscribers of
// the channel, so that servers spread over the nodes: every node sends every event to each of its own. Nodes that do not answer
// come last.
func (c *client) subscribable(ctx context.Context, channel string) []node {
	if !c.options.Cluster {
		return c.candidates()
	}
	subscribers := map[node]int{}
	for range 2 { // the seeds, and then those that they have named
		c.askSubscribers(ctx, channel, subscribers)
	}
	nodes := c.candidates()
	count := func(n node) int {
		if subscribers, answered := subscribers[n]; answered {
			return subscribers
		}
		return math.MaxInt
	}
	if len(subscribers) > 0 { // else their order says which of them have failed
		rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] }) //nolint:gosec // G404: an order is no secret
	}
	slices.SortStableFunc(nodes, func(a, b node) int { return cmp.Compare(count(a), count(b)) })
	return nodes
}

// askSubscribers adds the answers of nodes that have not been asked yet.
func (c *client) askSubscribers(ctx context.Context, channel string, answers map[node]int) {
	ctx, cancel := context.WithTimeout(ctx, askSubscribersTimeout)
	defer cancel()
	unasked := slices.DeleteFunc(c.candidates(), func(n node) bool {
		_, asked := answers[n]
		return asked
	})
	var mu sync.Mutex // guards answers
	var asking sync.WaitGroup
	for _, n := range unasked {
		asking.Go(func() {
			if subscribers, ok := c.subscribersAt(ctx, n, channel); ok {
				mu.Lock()
				answers[n] = subscribers
				mu.Unlock()
			}
		})
	}
	asking.Wait()
}

// subscribersAt returns how many subscribers a node has, and whether it is well. One that the others have left behind would be
// the emptiest.
func (c *client) subscribersAt(ctx context.Context, n node, channel string) (subscribers int, ok bool) {
	conn, err := c.connect(ctx, n, nil, askSubscribersTimeout)
	if err != nil {
		return 0, false
	}
	defer conn.Close()
	if info, err := redis.String(redis.DoContext(conn, ctx, "CLUSTER", "INFO")); err != nil || !strings.Contains(info, "cluster_state:ok") {
		return 0, false
	}
	counts, err := redis.IntMap(redis.DoContext(conn, ctx, "PUBSUB", "NUMSUB", channel))
	return counts[channel], err == nil
}
