package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// EndWithParent has the kernel end a process when the harness ends; leadGroup puts it, with all that it will start, into a process group
// of its own.
func EndWithParent(cmd *exec.Cmd, leadGroup bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: leadGroup}
}

// Signal sends a signal to a process, or to a group whose number is negative, if it is still there.
func Signal(pid int, signal syscall.Signal) { _ = syscall.Kill(pid, signal) }

// Listener finds the process of a group that listens at a TCP port.
func Listener(group int, port uint16) (pid int, err error) {
	sockets, err := listeningSockets(port)
	if err != nil {
		return 0, fmt.Errorf("find the process that listens at port %d: %w", port, err)
	}
	processes, err := procfs.AllProcs()
	if err != nil {
		return 0, fmt.Errorf("find the process that listens at port %d: %w", port, err)
	}
	for _, p := range processes {
		if its, err := unix.Getpgid(p.PID); err != nil || its != group {
			continue
		}
		files, _ := p.FileDescriptorTargets() // of a process that has ended, none
		if slices.ContainsFunc(files, func(file string) bool { return slices.Contains(sockets, file) }) {
			return p.PID, nil
		}
	}
	return 0, fmt.Errorf("find the process that listens at port %d: none in the command's process group; run the server in the foreground and outside of containers, "+
		"because its memory and CPU time are measured", port)
}

// listeningSockets returns the TCP sockets that listen at a port, as the links in /proc/PID/fd name them (proc(5)).
func listeningSockets(port uint16) (sockets []string, err error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	all, err := fs.NetTCP() //nolint:staticcheck // netlink is not worth another library for one look at a port
	if err != nil {
		return nil, err
	}
	all6, err := fs.NetTCP6()                          //nolint:staticcheck // as above
	if err != nil && !errors.Is(err, os.ErrNotExist) { // there may be no IPv6
		return nil, err
	}
	const listening = 0x0A
	for _, socket := range append(all, all6...) {
		if socket.St == listening && socket.LocalPort == uint64(port) {
			sockets = append(sockets, fmt.Sprintf("socket:[%d]", socket.Inode))
		}
	}
	return sockets, nil
}
