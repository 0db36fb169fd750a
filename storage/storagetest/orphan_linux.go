package storagetest

import "syscall"

// endWithParent makes the kernel end the server when the test binary dies without cleaning up.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
