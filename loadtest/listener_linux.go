package loadtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// listenerOf returns that process of a group which listens at a port.
func listenerOf(group int, port uint16) (pid int, err error) {
	sockets, err := listeningSockets(port)
	if err != nil {
		return 0, fmt.Errorf("find who listens at port %d: %w", port, err)
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		if its, err := unix.Getpgid(pid); err == nil && its == group && holds(pid, sockets) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("find who listens at port %d: no process of the command's group; the server must not be in the background or in a container, for its memory and CPU time are measured", port)
}

// listeningSockets returns the TCP sockets that listen at a port, as the links in /proc/PID/fd name them (proc(5)).
func listeningSockets(port uint16) (map[string]bool, error) {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil && !os.IsNotExist(err) { // there may be no IPv6
			return nil, err
		}
		const local, state, inode = 1, 3, 9 // columns
		const listening = "0A"
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[local], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return sockets, nil
}

// holds reports whether a process has one of the sockets open.
func holds(pid int, sockets map[string]bool) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && sockets[target] {
			return true
		}
	}
	return false
}
