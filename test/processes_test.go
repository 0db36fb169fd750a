package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// memory is what the kernel counts of a process, in KiB: pss shares what several processes map among them, uss is what no other one has.
type memory struct{ rss, pss, uss int }

var smapsLine = regexp.MustCompile(`(?m)^(Rss|Pss|Private_Clean|Private_Dirty): +(\d+) kB$`)

func memoryOf(t *testing.T, pid int) (m memory) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	require.NoError(t, err)
	for _, found := range smapsLine.FindAllSubmatch(text, -1) {
		size, err := strconv.Atoi(string(found[2]))
		require.NoError(t, err)
		switch string(found[1]) {
		case "Rss":
			m.rss += size
		case "Pss":
			m.pss += size
		default:
			m.uss += size
		}
	}
	return m
}

// hosted is how many Nextclouds are served, and for how long they idle before they are measured: as long as the garbage collector takes
// notice.
func hosted(t *testing.T) (nextclouds int, idle time.Duration) {
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		t.Skip("the kernel has no smaps_rollup")
	}
	wanted := os.Getenv("HOSTED")
	if wanted == "" {
		t.Skip("a measurement that takes minutes: set HOSTED to a number of Nextclouds")
	}
	nextclouds, err := strconv.Atoi(wanted)
	require.NoError(t, err)
	return nextclouds, 150 * time.Second
}

// TestCostOfProcesses starts a process for each of several Nextclouds, each at a socket of its own, and measures what they hold while
// nothing happens. PUSH_SERVER_CMD measures another server.
func TestCostOfProcesses(t *testing.T) {
	nextclouds, idle := hosted(t)
	s := newSite(t)
	folder := storagetest.Dir(t)
	var all []*pushServer
	for i := range nextclouds {
		socket := filepath.Join(folder, fmt.Sprintf("%d.sock", i))
		p := &pushServer{t: t, site: s, output: &output{}}
		p.run(t.TempDir(), s.configOf(fmt.Sprintf("oc%d", i), i%16), "SOCKET_PATH="+socket, fmt.Sprintf("REDIS_CHANNEL_PREFIX=%d_", i))
		p.await("its socket is open", func() bool {
			conn, err := net.Dial("unix", socket)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
		all = append(all, p)
	}
	time.Sleep(idle)
	var sum memory
	for _, p := range all {
		m := memoryOf(t, p.cmd.Process.Pid)
		sum.rss, sum.pss, sum.uss = sum.rss+m.rss, sum.pss+m.pss, sum.uss+m.uss
	}
	t.Logf("%d processes: each RSS %.1f, PSS %.1f, USS %.1f MiB; together PSS %.0f MiB", nextclouds, mib(sum.rss, nextclouds), mib(sum.pss, nextclouds), mib(sum.uss, nextclouds), mib(sum.pss, 1))
	require.Less(t, mib(sum.uss, nextclouds), 24.0)
}

// TestCostOfOneProcess is TestCostOfProcesses with one process for all Nextclouds.
func TestCostOfOneProcess(t *testing.T) {
	nextclouds, idle := hosted(t)
	h := newHost(t)
	s := newSite(t)
	for i := range nextclouds {
		name := fmt.Sprintf("oc%d", i)
		h.writeFile(t, name+".env", fmt.Sprintf("CONFIG_FILE=%s\nREDIS_CHANNEL_PREFIX=%d_\nINSTANCE_HOSTS=%s", s.configOf(name, i%16), i, hostOf(name)))
	}
	h.pushServer = s.start("--instances", h.folder, "BIND=127.0.0.1")
	h.awaitAnswer("tcp", h.address())
	for i := range nextclouds {
		h.awaitHearing(fmt.Sprintf("oc%d", i))
	}
	time.Sleep(idle)
	m := memoryOf(t, h.cmd.Process.Pid)
	t.Logf("one process for %d: RSS %.1f, PSS %.1f, USS %.1f MiB", nextclouds, mib(m.rss, 1), mib(m.pss, 1), mib(m.uss, 1))
	require.Less(t, mib(m.rss, 1), 48.0+float64(nextclouds))
}

func mib(kib, processes int) float64 { return float64(kib) / float64(processes) / 1024 }
