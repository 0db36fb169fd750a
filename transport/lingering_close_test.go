package transport

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// noted is a connection that notes when it was ended.
type noted struct{ sent, closed time.Time }

func (n *noted) closeWrite() {
	if n.sent.IsZero() {
		n.sent = time.Now()
	}
}

func (n *noted) closeDrained() {
	n.closeWrite()
	n.closed = time.Now()
}

func keyOf(address string) rateKey { return rateKey{address: netip.MustParseAddr(address)} }

func TestRefusedClientsAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := closer{max: 100, maxOfKey: 10}
		goroutines, start := runtime.NumGoroutine(), time.Now()
		var conns []*noted
		var ended atomic.Int32
		for range 10 {
			conn := &noted{}
			conns = append(conns, conn)
			c.end(conn, keyOf("192.0.2.1"), 3*time.Second, func() { ended.Add(1) })
		}
		synctest.Wait()
		require.Equal(t, goroutines, runtime.NumGoroutine(), "they wait without one each")
		eleventh := &noted{}
		c.end(eleventh, keyOf("192.0.2.1"), 3*time.Second, func() { ended.Add(1) })
		require.Equal(t, start, eleventh.closed, "one address has so many")
		require.EqualValues(t, 1, ended.Load())

		time.Sleep(time.Minute)
		synctest.Wait()
		for _, conn := range conns {
			require.Equal(t, 3*time.Second, conn.sent.Sub(start))
			require.Equal(t, 3*time.Second+lingerTimeout, conn.closed.Sub(start))
		}
		require.EqualValues(t, 11, ended.Load())
		require.Empty(t, c.held)
		require.Empty(t, c.ofKey)
	})
}

func TestHeldClientsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := closer{max: 100, maxOfKey: 10}
		start, address := time.Now(), netip.MustParseAddr("192.0.2.1")
		var ended atomic.Int32
		var conns []*noted
		for range 101 {
			conn := &noted{}
			conns = append(conns, conn)
			c.end(conn, rateKey{address: address}, time.Hour, func() { ended.Add(1) })
			address = address.Next()
		}
		require.Len(t, c.held, 100)
		require.Equal(t, start, conns[100].closed)

		c.close()
		c.close()
		for _, conn := range conns {
			require.Equal(t, start, conn.closed, "a shutdown waits for none")
		}
		late := &noted{}
		c.end(late, rateKey{}, time.Hour, func() { ended.Add(1) })
		require.Equal(t, start, late.closed)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.EqualValues(t, 102, ended.Load(), "each once")
	})
}

// The refused clients of many Websockets are no more than there is room for, and leave some to the others.
func TestHeldClientsTakeCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var capacity Capacity
		capacity.SetMost(4)
		closers := []*closer{{max: 100, maxOfKey: 10, capacity: &capacity}, {max: 100, maxOfKey: 10, capacity: &capacity}}
		var held []int
		for _, c := range closers {
			for range 10 {
				c.end(&noted{}, rateKey{}, time.Second, func() {})
			}
			c.mu.Lock()
			held = append(held, len(c.held))
			c.mu.Unlock()
		}
		require.Equal(t, []int{2, 1}, held)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, capacity.Used())
	})
}

func TestHoldTimes(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		hold := holdTime()
		require.GreaterOrEqual(t, hold, minHold)
		require.Less(t, hold, maxHold)
		seen[hold] = true
	}
	require.Greater(t, len(seen), 50, "clients that were refused together don't come back together")
}
