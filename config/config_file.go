package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/notifypush/notifypush/internal/files"
	"github.com/notifypush/notifypush/internal/paths"
)

// insteadOfFile is what may be given where there is no config.php at all. An instance of several has no flags.
const insteadOfFile = "the variables NEXTCLOUD_URL, DATABASE_URL and REDIS_URL instead"

// notYetError is why something cannot be read that may well be there in a moment: a volume that is not mounted yet, a secret not written yet.
type notYetError struct{ error }

func (e notYetError) Unwrap() error { return e.error }

// notYet marks what a file leads to that is missing, empty, kept from this user, or on a file system that does not answer.
func notYet(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, context.DeadlineExceeded) {
		return notYetError{err}
	}
	return err
}

// isNotYet reports whether an error, and each one that is joined in it, may pass by itself.
func isNotYet(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return !isNotYet(err) })
	}
	_, found := errors.AsType[notYetError](err)
	return found
}

// errConfigFile says why config.php cannot be read, and what to do; it is nil where it can be.
func errConfigFile(ctx context.Context, path string) error {
	info, err := files.Stat(ctx, path)
	switch {
	case err != nil:
	case info.IsDir():
		return fmt.Errorf("%s is a folder; give the path of the config.php in it, or %s", path, insteadOfFile)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file; give the path of Nextcloud's config.php, or %s", path, insteadOfFile)
	case info.Size() == 0:
		return notYetError{fmt.Errorf("%s is empty: Nextcloud is not installed yet", path)}
	default:
		err = files.CanRead(ctx, path)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return notYetError{fmt.Errorf("there is no file %s; give the path of Nextcloud's config.php, or %s", path, insteadOfFile)}
	case errors.Is(err, fs.ErrPermission):
		self := paths.ProcessUser()
		return notYetError{fmt.Errorf("user %s may not read %s; run this as the user that Nextcloud runs as (sudo -u %s, or User= of the unit), or let a group of %s read it (chgrp, chmod g+r)",
			self, path, ownerOf(info), self)}
	default:
		return notYet(fmt.Errorf("%w; fix that, or give %s", err, insteadOfFile))
	}
}

// errBeside says why a file beside config.php cannot be read, at which Nextcloud would end: because this user may not, it is a link to what is not there, or no file.
func errBeside(ctx context.Context, path string) error {
	switch err := files.CanRead(ctx, path); {
	case errors.Is(err, fs.ErrNotExist):
		return notYetError{fmt.Errorf("%s leads to a file that is not there", path)}
	case errors.Is(err, context.DeadlineExceeded):
		return notYetError{fmt.Errorf("%s cannot be opened: %w", path, err)}
	case errors.Is(err, files.ErrNotRegular):
		return fmt.Errorf("%s is not a regular file", path)
	case errors.Is(err, fs.ErrPermission):
		return notYetError{fmt.Errorf("user %s may not read %s", paths.ProcessUser(), path)}
	}
	return nil
}

// ownerOf is the user that a file belongs to; www-data where the file cannot even be looked at, or is root's.
func ownerOf(info fs.FileInfo) string {
	if info != nil {
		if system, ok := info.Sys().(*syscall.Stat_t); ok && system.Uid != 0 {
			return paths.UserName(int(system.Uid))
		}
	}
	return "www-data"
}
