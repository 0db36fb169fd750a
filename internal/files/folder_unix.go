//go:build unix

package files

import "syscall"

// onlyFolder has nothing but a folder opened.
const onlyFolder = syscall.O_DIRECTORY
