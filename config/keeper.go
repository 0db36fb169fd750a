package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/internal/files"
	"github.com/notifypush/notifypush/internal/paths"
)

// keeper is a user who may change what a configuration says, and is not root.
type keeper struct {
	path string // what may be changed
	who  string // may change it
	user string // with whose rights it is read
	help string // what to do about it

	uid    uint32
	gid    uint32
	groups []uint32
}

// nobody has no rights of its own, and nogroup none either.
const nobody, nogroup = 65534, 65534

// findKeeper returns the first who may change one of the files or folders, or nil when only root may. A folder that is named counts as its
// listing does: who may add a file to it may change it.
func findKeeper(ctx context.Context, paths []string) (*keeper, error) {
	limited, cancel := files.Looking(ctx)
	defer cancel()
	k, err := files.Within(limited, func() (*keeper, error) {
		for _, path := range paths {
			if k, err := keeperOf(path); k != nil || err != nil {
				return k, err
			}
		}
		return nil, nil
	})
	if err != nil {
		return nil, notYet(fmt.Errorf("find out who may change the configuration: %w", err))
	}
	return k, nil
}

// keeperOf returns who may have another file at a path: who owns it, else who may write to it, else who may do so with a folder or link on the
// way, from the nearest on.
func keeperOf(path string) (*keeper, error) {
	steps, err := walk(path)
	if err != nil {
		return nil, err
	}
	for i, s := range slices.Backward(steps) {
		isLast := i == len(steps)-1
		if isLast && !s.info.IsDir() && !s.info.Mode().IsRegular() {
			continue // it is not read
		}
		owner, isKnown := s.info.Sys().(*syscall.Stat_t)
		mode := s.info.Mode()
		writers := mode.Perm() & 0o022
		if mode&fs.ModeSymlink != 0 || mode.IsDir() && mode&fs.ModeSticky != 0 && !isLast {
			writers = 0 // nobody writes to a link, and in a sticky folder nobody replaces what is not his
		}
		switch {
		case !isKnown:
			return nil, fmt.Errorf("the owner of %s is not known", s.path)
		case owner.Uid != 0:
			return ownerAsKeeper(s.path, owner.Uid, owner.Gid), nil
		case writers&0o002 != 0:
			return anybody(s.path, "every user", nogroup), nil
		case writers != 0:
			if hasAccessList(s.path) { // who may write is not the group, or not it alone
				return anybody(s.path, "who is in its access list", nogroup), nil
			}
			return anybody(s.path, fmt.Sprintf("group %d", owner.Gid), owner.Gid), nil
		}
	}
	return nil, nil
}

// anybody is a keeper of whom only the group is known.
func anybody(path, who string, gid uint32) *keeper {
	return &keeper{path: path, who: who, user: fmt.Sprintf("%d:%d", nobody, gid), help: "chmod go-w " + path, uid: nobody, gid: gid}
}

// ownerAsKeeper has the user's groups as the system knows them. A user that it does not know, as in a container, has the group of the file; root's
// group is no proof.
func ownerAsKeeper(path string, uid, gid uint32) *keeper {
	name := paths.UserName(int(uid))
	k := &keeper{path: path, who: "user " + name, user: name, uid: uid, gid: gid}
	k.help = fmt.Sprintf("run as %s: sudo -u %s notify_push (or User= of the unit, user: of the container)", name, name)
	if gid == 0 {
		k.gid = nogroup
	}
	known, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return k
	}
	if number, err := strconv.ParseUint(known.Gid, 10, 32); err == nil {
		k.gid = uint32(number)
	}
	texts, _ := known.GroupIds()
	for _, text := range texts {
		if number, err := strconv.ParseUint(text, 10, 32); err == nil {
			k.groups = append(k.groups, uint32(number))
		}
	}
	return k
}

// step is a folder, link or file on the way along a path.
type step struct {
	path string
	info fs.FileInfo
}

// maxLinks is how many symbolic links the kernel follows.
const maxLinks = 40

// walk lists all that a path leads through, itself last: each folder, each symbolic link, and what those lead through. It ends early where
// there is nothing.
func walk(path string) ([]step, error) {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		path = here + "/" + path // as it is: .. after a link leads elsewhere
	}
	links := 0
	var steps []step
	at, left := "/", strings.Split(path, "/")
	for {
		info, err := os.Lstat(at) //nolint:gosec // G703: the operator names the file
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			return steps, nil
		case err != nil:
			return nil, err
		}
		steps = append(steps, step{at, info})
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(at)
			if links++; err != nil || links > maxLinks {
				return steps, err
			}
			left = append(strings.Split(target, "/"), left...)
			if at = filepath.Dir(at); filepath.IsAbs(target) {
				at = "/"
			}
		}
		for len(left) > 0 && (left[0] == "" || left[0] == ".") {
			left = left[1:]
		}
		if len(left) == 0 {
			if info.Mode()&fs.ModeSymlink == 0 {
				return steps, nil
			}
			continue
		}
		at = filepath.Join(at, left[0])
		left = left[1:]
	}
}
