package loadtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// readProcess reads what a process uses at this moment.
func readProcess(pid int) (p usage, err error) {
	if p.Resident, err = resident(pid); err != nil {
		return p, err
	}
	p.CPU, err = cpuTime(pid)
	return p, err
}

// glanceAtProcess reads the same in a way that holds the process up less, and is some 100 KiB off.
func glanceAtProcess(pid int) (p usage, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return p, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return p, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	p.Resident = pages * int64(os.Getpagesize())
	p.CPU, err = cpuTime(pid)
	return p, err
}

// resident sums up the mappings. /proc/PID/statm is cheaper, but lacks what the kernel has not added up yet.
func resident(pid int) (int64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "Rss:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: no line Rss in smaps_rollup", pid)
}

// cpuTime asks the process's own clock, which counts ns and the threads that have ended; /proc/PID/stat counts in 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED: the clock id is made as clock_getcpuclockid(3) does
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &at); err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(at.Nano()), nil
}

// machineTime is what all CPUs have computed since the machine started, and what a hypervisor kept from them.
func machineTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read what the machine computes: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var user, nice, system, idle, wait, irq, softirq, steal int64
	if _, err := fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal); err != nil {
		return 0, fmt.Errorf("read what the machine computes: %q: %w", line, err)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go knows
	return time.Duration(user+nice+system+irq+softirq+steal) * tick, nil
}

// endWithParent has the kernel end a process that the harness leaves behind.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// leadGroup puts a process, with all that it will start, into a process group of its own.
func leadGroup(cmd *exec.Cmd) { cmd.SysProcAttr.Setpgid = true }

// sendSignal sends a signal to a process, or to a group whose number is negative. It does not mind when nobody is there any more.
func sendSignal(pid int, what syscall.Signal) { _ = syscall.Kill(pid, what) }
