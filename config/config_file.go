package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// insteadOfFile is what may be given where there is no config.php at all.
const insteadOfFile = "--nextcloud-url, --database-url and --redis-url instead"

// errConfigFile says why config.php cannot be read, and what to do; it is nil where it can be.
func errConfigFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder; give the path of the config.php in it, or %s", path, insteadOfFile)
	}
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file; give the path of Nextcloud's config.php, or %s", path, insteadOfFile)
	}
	if err == nil {
		var file *os.File
		if file, err = os.Open(path); err == nil {
			return file.Close()
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %s; give the path of Nextcloud's config.php, or %s", path, insteadOfFile)
	case errors.Is(err, fs.ErrPermission):
		self := nameOfUser(uint32(os.Geteuid()))
		return fmt.Errorf("user %s may not read %s; run this as the user that Nextcloud runs as (sudo -u %s, or User= of the unit), or let a group of %s read it (chgrp, chmod g+r)",
			self, path, ownerOf(info), self)
	default:
		return fmt.Errorf("%w; mend that, or give %s", err, insteadOfFile)
	}
}

// ownerOf is the user that a file belongs to; www-data where the file cannot even be looked at, or is root's.
func ownerOf(info fs.FileInfo) string {
	if info == nil {
		return "www-data"
	}
	if system, ok := info.Sys().(*syscall.Stat_t); ok && system.Uid != 0 {
		return nameOfUser(system.Uid)
	}
	return "www-data"
}

func nameOfUser(id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if known, err := user.LookupId(number); err == nil {
		return cmp.Or(known.Username, number)
	}
	return number
}
