// Package paths says why a path cannot be used, and what to do about it.
package paths

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// FolderFault names the first folder on the way to path that keeps this process from getting there,
// because it does not exist, is no folder, or may not be entered. It is empty when the way is free.
func FolderFault(path string) string {
	folder := string(filepath.Separator)
	for part := range strings.SplitSeq(filepath.Dir(absolute(path)), string(filepath.Separator)) {
		parent := folder
		folder = filepath.Join(folder, part)
		info, err := os.Stat(folder)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Sprintf("the folder %s does not exist", folder)
		case errors.Is(err, fs.ErrPermission):
			return closed(parent)
		case err == nil && !info.IsDir():
			return fmt.Sprintf("%s is a file, not a folder", folder)
		}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrPermission) { //nolint:gosec // G703: the operator names the path
		return closed(folder)
	}
	return ""
}

func closed(folder string) string {
	return fmt.Sprintf("user %s may not enter the folder %s: chgrp and chmod g+x would let it", ProcessUser(), folder)
}

// hiddenBelow are the folders that services of systemd usually see nothing of, and the option that hides
// them.
var hiddenBelow = []struct{ folder, option string }{
	{"/tmp", "PrivateTmp"},
	{"/var/tmp", "PrivateTmp"},
	{"/home", "ProtectHome"},
	{"/root", "ProtectHome"},
	{"/run/user", "ProtectHome"},
}

// HiddenBy returns the option of a systemd unit that hides path from its service, PrivateTmp or
// ProtectHome; empty when none usually does. Links are followed as far as they lead.
func HiddenBy(path string) string {
	path = absolute(path)
	candidates := []string{path}
	for folder := path; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if target, err := filepath.EvalSymlinks(folder); err == nil {
			candidates = append(candidates, filepath.Join(target, strings.TrimPrefix(path, folder)))
			break
		}
	}
	for _, candidate := range candidates {
		for _, hidden := range hiddenBelow {
			if strings.HasPrefix(candidate, hidden.folder+"/") {
				return hidden.option
			}
		}
	}
	return ""
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// ProcessUser names the user that this process runs as, by number when it has no name.
func ProcessUser() string {
	return UserName(os.Geteuid())
}

// UserName names a user, by number when there is no name.
func UserName(id int) string {
	number := strconv.Itoa(id)
	if known, err := user.LookupId(number); err == nil {
		return cmp.Or(known.Username, number)
	}
	return number
}

func groupName(id string) string {
	if known, err := user.LookupGroupId(id); err == nil {
		return known.Name
	}
	return id
}
