//go:build unix && !linux

package storagetest

import "syscall"

func endWithParent(*syscall.SysProcAttr) {}
