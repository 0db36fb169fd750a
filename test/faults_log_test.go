package test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// logPipe has the site's servers log into a pipe, and returns the end that can be read.
func (s *site) logPipe() *os.File {
	s.t.Helper()
	onlyHere(s.t)
	path := filepath.Join(storagetest.Dir(s.t), "log")
	require.NoError(s.t, syscall.Mkfifo(path, 0o600))
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { reader.Close() })
	s.wrapper = []string{"/bin/sh", "-c", `exec "$0" "$@" 2>` + path}
	return reader
}

// TestFaultsLogIsClosed has the reader of the log go away: a collector that crashed, a pipe's other end.
func TestFaultsLogIsClosed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	reader := s.logPipe()
	r := s.serveAtOnce().follow()
	require.NoError(t, reader.Close())
	s.publishAtOnce(event{"notify_activity", "nonsense"}) // which makes a log line
	r.awaitNext()
	r.finish().requireNothingLost(t)
}

// TestFaultsLogIsStuck has the reader of the log stop reading.
func TestFaultsLogIsStuck(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	reader := s.logPipe()
	raw, err := reader.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { _, err = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 4096) }))
	require.NoError(t, err)
	r := s.serveAtOnce("LOG=debug").follow()
	for range 1500 { // each end of a connection is a line, more than are kept
		r.server.login("bob").conn.Close()
	}
	r.awaitNext()
	r.finish().requireNothingLost(t)

	missing := false
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(patience)))
	for lines := bufio.NewScanner(reader); !missing && lines.Scan(); {
		missing = strings.Contains(lines.Text(), "log reader too slow: lines dropped")
	}
	require.True(t, missing, "the gap is logged")
}
