//go:build unix

package paths

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Owner returns the names of a file's user and group, by number when they have none, and whether that
// user is the one that this process runs as.
func Owner(info fs.FileInfo) (user, group string, ours bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", "", true
	}
	return UserName(int(stat.Uid)), groupName(strconv.Itoa(int(stat.Gid))), int(stat.Uid) == os.Geteuid()
}
