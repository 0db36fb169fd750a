package cli

import (
	"math"
	"syscall"
)

// reservedDescriptors are kept for everything that is not a client: files, Redis, the database,
// Nextcloud, and connections that are turned away with a word.
const reservedDescriptors = 256

// maxConnections returns how many clients there may be: as many as are configured, or as many as
// there are file descriptors for.
func maxConnections(configured int) int {
	if configured > 0 {
		return configured
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= math.MaxInt32 {
		return 0
	}
	return max(int(limit.Cur)-reservedDescriptors, int(limit.Cur)/2)
}
