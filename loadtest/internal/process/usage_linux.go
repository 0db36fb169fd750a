package process

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Read reads what a process uses. It sums up the process's mappings, which is exact and holds the process up for a moment.
func Read(pid int) (Usage, error) {
	return usage(pid, func(p procfs.Proc) (int64, error) {
		rollup, err := p.ProcSMapsRollup()
		return int64(rollup.Rss), err
	})
}

// Glance reads the same from what the kernel has added up already: cheaper, and some 100 KiB off.
func Glance(pid int) (Usage, error) {
	return usage(pid, func(p procfs.Proc) (int64, error) {
		stat, err := p.Stat()
		return int64(stat.ResidentMemory()), err
	})
}

func usage(pid int, resident func(procfs.Proc) (int64, error)) (u Usage, err error) {
	p, err := procfs.NewProc(pid)
	if err == nil {
		u.Resident, err = resident(p)
	}
	if err != nil {
		return u, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	u.CPU, err = CPUTime(pid)
	return u, err
}

// CPUTime asks the process's own clock, which counts ns and the threads that have ended; /proc/PID/stat counts in 10 ms.
func CPUTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED: the clock id is made as clock_getcpuclockid(3) does
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &at); err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(at.Nano()), nil
}

// MachineTime is the CPU time of all programs since the machine started, and what a hypervisor kept from them. It grows in steps of
// 10 ms.
func MachineTime() (time.Duration, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of the machine: %w", err)
	}
	stat, err := fs.Stat()
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of the machine: %w", err)
	}
	all := stat.CPUTotal
	return time.Duration((all.User + all.Nice + all.System + all.IRQ + all.SoftIRQ + all.Steal) * float64(time.Second)), nil
}

// Machine names the CPU and the kernel; "" where they are not known.
func Machine() (cpu, kernel string) {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		kernel = unix.ByteSliceToString(name.Release[:])
	}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if all, err := fs.CPUInfo(); err == nil && len(all) > 0 {
			cpu = all[0].ModelName
		}
	}
	return cpu, kernel
}

// FileLimit is how many files this process may have open; Go has raised it as far as the system allows.
func FileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	return limit.Cur, nil
}
