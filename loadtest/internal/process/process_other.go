//go:build !linux

package process

import (
	"os/exec"
	"syscall"
	"time"
)

func Read(int) (Usage, error)                   { return Usage{}, ErrPlatform }
func Glance(int) (Usage, error)                 { return Usage{}, ErrPlatform }
func CPUTime(int) (time.Duration, error)        { return 0, ErrPlatform }
func MachineTime() (time.Duration, error)       { return 0, ErrPlatform }
func Machine() (cpu, kernel string)             { return "", "" }
func FileLimit() (uint64, error)                { return 0, ErrPlatform }
func EndWithParent(*exec.Cmd, bool)             {}
func Signal(int, syscall.Signal)                {}
func Listener(int, uint16) (pid int, err error) { return 0, ErrPlatform }
