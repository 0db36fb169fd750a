package cli

import (
	"math"
	"syscall"
)

// Of the file descriptors, some are kept for what is no client: files, Redis, the database and
// Nextcloud. A few more are left to clients that are being turned away.
const (
	descriptorsOfOurs    = 128
	descriptorsOfRefused = 128
	// descriptorsOfInstance are for what each instance depends on, where a process has several.
	descriptorsOfInstance = 16
)

// maxConnections returns how many clients there may be: as many as are configured, or as many as
// there are file descriptors for.
func maxConnections(configured int) int {
	if configured > 0 {
		return configured
	}
	return descriptorsBut(descriptorsOfOurs+descriptorsOfRefused, 2)
}

// maxSockets returns how many sockets there may be, whether they are clients or not.
func maxSockets() int { return descriptorsBut(descriptorsOfOurs, 4) }

// descriptorsBut returns how many file descriptors there are beyond those reserved, but all except
// one part in so many at least; 0 where there is no limit.
func descriptorsBut(reserved, parts int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= math.MaxInt32 {
		return 0
	}
	most := int(limit.Cur)
	return max(most-reserved, most-most/parts)
}
