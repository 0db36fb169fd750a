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

// TestCostOfProcesses starts a process for each of several Nextclouds, each at a socket of its own, and measures what they hold while
// nothing happens. HOSTED is how many, and has them idle for as long as the garbage collector takes notice; PUSH_SERVER_CMD measures another server.
func TestCostOfProcesses(t *testing.T) {
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		t.Skip("the kernel has no smaps_rollup")
	}
	processes, idle := 3, time.Second
	if wanted := os.Getenv("HOSTED"); wanted != "" {
		var err error
		processes, err = strconv.Atoi(wanted)
		require.NoError(t, err)
		idle = 150 * time.Second
	}
	s := newSite(t)
	folder := storagetest.Dir(t)
	var all []*pushServer
	for i := range processes {
		socket := filepath.Join(folder, fmt.Sprintf("%d.sock", i))
		p := &pushServer{t: t, site: s, output: &output{}}
		p.run(t.TempDir(), s.configOf(fmt.Sprintf("oc%d", i), i%16), "SOCKET_PATH="+socket)
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
	t.Logf("%d processes: each RSS %.1f, PSS %.1f, USS %.1f MiB; together PSS %.0f MiB", processes, mib(sum.rss, processes), mib(sum.pss, processes), mib(sum.uss, processes), mib(sum.pss, 1))
	require.Less(t, mib(sum.uss, processes), 24.0)
}

func mib(kib, processes int) float64 { return float64(kib) / float64(processes) / 1024 }
