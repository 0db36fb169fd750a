//go:build !linux

package storagetest

import "syscall"

func endWithParent(*syscall.SysProcAttr) {}
