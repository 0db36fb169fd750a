package loadtest

import (
	"bytes"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func thisMachine() Machine {
	m := Machine{CPUs: runtime.NumCPU()}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	if _, rest, ok := bytes.Cut(info, []byte("model name")); ok {
		model, _, _ := bytes.Cut(rest, []byte{'\n'})
		m.CPU = string(bytes.Trim(model, "\t :"))
	}
	return m
}
