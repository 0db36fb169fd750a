// Package files looks at files whose names come from elsewhere, in bounded time and memory, whatever they are: a pipe that nobody writes to, a
// device, /proc/kmsg, a folder of a million files, a network file system that is gone.
package files

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Why something is not read.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = errors.New("too large")
	ErrTooMany    = errors.New("it holds too many files")

	errBusy = noAnswerError{context.DeadlineExceeded} // others wait already
)

// maxCalls bounds how many calls there are at a time: each that a dead file system never ends keeps a thread of the process. maxCallsOfQuota
// is that of each Quota.
const maxCalls, maxCallsOfQuota = 64, 4

// Quota has the calls of one of many users of files count for themselves, so that one whose file system is dead takes nothing from the others.
type Quota struct{ calls atomic.Int64 }

type quotaKey struct{}

// With returns a context whose calls count for the quota.
func (q *Quota) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, quotaKey{}, q)
}

var everybody Quota

// take counts a call in, unless there are too many; the function counts it out.
func take(ctx context.Context) (giveBack func(), ok bool) {
	q, most := &everybody, int64(maxCalls)
	if own, has := ctx.Value(quotaKey{}).(*Quota); has {
		q, most = own, maxCallsOfQuota
	}
	giveBack = func() { q.calls.Add(-1) }
	if q.calls.Add(1) > most {
		giveBack()
		return nil, false
	}
	return giveBack, true
}

// Looking returns a context in which to look at files for two seconds. It is not cut short by the end of ctx, so that the reason why a process
// that is asked to end did not begin is a true one.
func Looking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
}

// Within returns what call returns, or an error when ctx ends before it does. The call itself may then go on, even for ever.
func Within[T any](ctx context.Context, call func() (T, error)) (value T, err error) {
	giveBack, ok := take(ctx)
	if !ok {
		return value, errBusy
	}
	var late error
	done := make(chan struct{})
	var called T
	go func() {
		defer giveBack()
		called, late = call()
		close(done)
	}()
	select {
	case <-done:
		return called, late
	case <-ctx.Done():
		return value, noAnswerError{ctx.Err()}
	}
}

// noAnswerError is why a call is not waited for any more.
type noAnswerError struct{ cause error }

func (noAnswerError) Error() string { return "no answer in time" }

func (e noAnswerError) Unwrap() error { return e.cause }

// Read returns the content of a regular file of up to limit bytes. It opens nothing else, and does not wait for a pipe that takes the file's
// place meanwhile. Where accept is not nil it decides, by the file that was opened, whether that is read.
func Read(ctx context.Context, path string, limit int64, accept func(fs.FileInfo) error) (string, error) {
	return Within(ctx, func() (string, error) {
		file, info, err := open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		if accept != nil {
			if err := accept(info); err != nil {
				return "", err
			}
		}
		// What can be waited for, such as /proc/kmsg, is given up then; for others there is no deadline.
		defer context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })()
		var content strings.Builder
		content.Grow(int(min(info.Size(), limit)) + 1)
		length, err := io.Copy(&content, io.LimitReader(file, limit+1))
		if err == nil && length > limit {
			err = ErrTooLarge
		}
		return content.String(), err
	})
}

// CanRead returns why a regular file cannot be opened; nil when it can.
func CanRead(ctx context.Context, path string) error {
	_, err := Within(ctx, func() (struct{}, error) {
		file, _, err := open(path)
		if err == nil {
			err = file.Close()
		}
		return struct{}{}, err
	})
	return err
}

// open opens a regular file. It looks before it opens, because that has effects on some devices, and afterwards, because only then it is
// certain what was opened.
func open(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // G304: the operator's configuration names the file
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// Stat is os.Stat.
func Stat(ctx context.Context, path string) (fs.FileInfo, error) {
	return Within(ctx, func() (fs.FileInfo, error) { return os.Stat(path) })
}

// List returns the entries of a folder, ordered by name, or ErrTooMany when there are more than limit. It reads no more than that.
func List(ctx context.Context, folder string, limit int) ([]fs.DirEntry, error) {
	return Within(ctx, func() ([]fs.DirEntry, error) {
		opened, err := os.OpenFile(folder, os.O_RDONLY|syscall.O_NONBLOCK|onlyFolder, 0) //nolint:gosec // G304: as above
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		entries, err := opened.ReadDir(limit + 1)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if len(entries) > limit {
			return nil, &fs.PathError{Op: "read", Path: folder, Err: ErrTooMany}
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
		return entries, err
	})
}
