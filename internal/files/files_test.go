package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWithin does not wait for what has no end, and bounds how much of it there is.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value, err := Within(t.Context(), func() (int, error) { return 1, fs.ErrExist })
		require.Equal(t, 1, value)
		require.ErrorIs(t, err, fs.ErrExist)

		dead := make(chan struct{})
		var begun atomic.Int32
		for range maxCalls + 1 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			before := time.Now()
			_, err = Within(ctx, func() (int, error) {
				begun.Add(1)
				<-dead
				return 0, nil
			})
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.LessOrEqual(t, time.Since(before), time.Second)
		}
		require.EqualValues(t, maxCalls, begun.Load())
		close(dead)
		synctest.Wait()
		_, err = Within(t.Context(), func() (int, error) { return 0, nil })
		require.NoError(t, err)
	})
}

// TestQuota has a dead file system of one user of files leave the calls of others alone.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := make(chan struct{})
		var one, other Quota
		for n := range maxCalls + 1 {
			ctx, cancel := context.WithTimeout(one.With(t.Context()), time.Second)
			before := time.Now()
			_, err := Within(context.WithoutCancel(ctx), func() (int, error) { return 0, nil })
			require.Equal(t, n >= maxCallsOfQuota, err != nil)
			_, err = Within(ctx, func() (int, error) { <-dead; return 0, nil })
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, n >= maxCallsOfQuota, time.Since(before) == 0, "it is not waited for any more")
		}
		for _, ctx := range []context.Context{other.With(t.Context()), t.Context()} {
			_, err := Within(ctx, func() (int, error) { return 0, nil })
			require.NoError(t, err)
		}
		close(dead)
		synctest.Wait()
		_, err := Within(one.With(t.Context()), func() (int, error) { return 0, nil })
		require.NoError(t, err)
	})
}

func TestRead(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(path, []byte("12345"), 0o600))
	text, err := Read(t.Context(), path, 5, nil)
	require.NoError(t, err)
	require.Equal(t, "12345", text)
	_, err = Read(t.Context(), path, 4, nil)
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = Read(t.Context(), path, 5, func(info fs.FileInfo) error { return fmt.Errorf("%s: %w", info.Name(), fs.ErrInvalid) })
	require.ErrorIs(t, err, fs.ErrInvalid)
	_, err = Read(t.Context(), path+"2", 5, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, CanRead(t.Context(), path))
}

// TestNotRegular opens no pipe, device or folder, so that it waits for none.
func TestNotRegular(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero", "/dev/tty", filepath.Dir(pipe)} {
		_, err := Read(t.Context(), path, 10, nil)
		require.ErrorIs(t, err, ErrNotRegular, path)
		require.ErrorIs(t, CanRead(t.Context(), path), ErrNotRegular, path)
	}
	_, err := List(t.Context(), pipe, 10)
	require.ErrorIs(t, err, syscall.ENOTDIR)
}

// TestReadHasADeadline reads the kernel's log, a regular file that ends never. Nothing of it is left running, as goleak sees.
func TestReadHasADeadline(t *testing.T) {
	if file, err := os.Open("/proc/kmsg"); err != nil {
		t.Skip(err)
	} else {
		require.NoError(t, file.Close())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Read(ctx, "/proc/kmsg", 1<<30, nil)
	require.Error(t, err)
	require.True(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded), err)
}

func TestList(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"c", "a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	entries, err := List(t.Context(), folder, 3)
	require.NoError(t, err)
	require.Len(t, entries, 3)
	require.Equal(t, "a", entries[0].Name())
	require.Equal(t, "c", entries[2].Name())
	_, err = List(t.Context(), folder, 2)
	require.ErrorIs(t, err, ErrTooMany)
	entries, err = List(t.Context(), t.TempDir(), 2)
	require.NoError(t, err)
	require.Empty(t, entries)
}
