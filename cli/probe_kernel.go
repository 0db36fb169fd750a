package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/notifypush/notifypush/config"
)

// enoughBacklog is how many clients that come at the same moment should be able to wait to be accepted.
const enoughBacklog = 1024

// kernelSettings are the kernel's settings that bound connections, as far as they can be read; 0 where they cannot.
type kernelSettings struct {
	backlog  int // net.core.somaxconn
	ports    int // of net.ipv4.ip_local_port_range
	tracked  int // net.netfilter.nf_conntrack_max
	openable int // fs.nr_open
}

// probeKernel looks at them.
func probeKernel(_ context.Context, result *config.Result, report func(finding)) {
	if kernel := readKernelSettings("/proc/sys"); kernel != (kernelSettings{}) {
		report(judgeKernel(kernel, result.Settings.Websocket.Limits.Connections))
	}
}

func readKernelSettings(folder string) kernelSettings {
	read := func(path string) []int {
		text, _ := os.ReadFile(filepath.Join(folder, path)) //nolint:gosec // G304: a file of /proc/sys
		var numbers []int
		for field := range strings.FieldsSeq(string(text)) {
			number, _ := strconv.Atoi(field)
			numbers = append(numbers, number)
		}
		return append(numbers, 0, 0)
	}
	k := kernelSettings{backlog: read("net/core/somaxconn")[0], tracked: read("net/netfilter/nf_conntrack_max")[0], openable: read("fs/nr_open")[0]}
	if ports := read("net/ipv4/ip_local_port_range"); ports[1] > 0 {
		k.ports = ports[1] - ports[0] + 1
	}
	return k
}

// judgeKernel compares them with how many connections are configured; 0 is as many as there are descriptors for.
func judgeKernel(k kernelSettings, connections int) finding {
	f := finding{Name: "kernel settings", Status: green, Detail: fmt.Sprintf("%d clients may wait to be accepted, a reverse proxy may open %d connections to one port of this server", k.backlog, k.ports)}
	wants := func(setting string, has, needed int, value string) {
		if has > 0 && has < needed && f.Status == green {
			f.Status = yellow
			f.Detail = fmt.Sprintf("%s is %d, and %d are needed", setting, has, needed)
			f.Advice = fmt.Sprintf("Write %s = %s into a file in /etc/sysctl.d, and run sysctl --system.", setting, value)
		}
	}
	wants("net.core.somaxconn", k.backlog, enoughBacklog, "4096")
	wants("net.netfilter.nf_conntrack_max", k.tracked, 2*connections, strconv.Itoa(2*connections))
	wants("fs.nr_open", k.openable, connections+connections/8, strconv.Itoa(2*connections))
	if f.Status == green && k.ports > 0 && k.ports < connections {
		f.Status = yellow
		f.Detail = fmt.Sprintf("a reverse proxy may open %d connections to one port of this server, and --max-connections is %d", k.ports, connections)
		f.Advice = "Write net.ipv4.ip_local_port_range = 1024 65535 into a file in /etc/sysctl.d on the proxy's machine, or have the proxy connect over --socket-path."
	}
	return f
}
