package cli

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowReader reads a line of a log for each that it is asked for, and all once reads is closed.
type slowReader struct {
	begins chan struct{} // has something in it when a line has come
	reads  chan struct{}
	lines  []string
}

func (r *slowReader) Write(line []byte) (int, error) {
	select {
	case r.begins <- struct{}{}:
	default:
	}
	<-r.reads
	r.lines = append(r.lines, string(line))
	return len(line), nil
}

// tooMany has a line held up at a reader, as many wait as may, and five are missing.
func tooMany(t *testing.T) (*slowReader, *logLines) {
	r := &slowReader{begins: make(chan struct{}, 1), reads: make(chan struct{})}
	l := newLogLines(r, func(lines int64) { r.lines = append(r.lines, fmt.Sprint(lines, " are missing")) })
	say(t, l, "held up")
	<-r.begins
	for i := range maxLogLines + 5 {
		say(t, l, fmt.Sprint(i))
	}
	return r, l
}

func say(t *testing.T, l *logLines, line string) {
	_, err := l.Write([]byte(line))
	require.NoError(t, err)
}

// TestLogLinesTellAGap has nobody read for a while: the gap is logged where lines are missing.
func TestLogLinesTellAGap(t *testing.T) {
	t.Parallel()
	r, l := tooMany(t)
	close(r.reads)
	l.close()
	<-l.written
	require.Len(t, r.lines, 1+maxLogLines+1)
	require.Equal(t, fmt.Sprint(maxLogLines-1), r.lines[maxLogLines])
	require.Equal(t, "5 are missing", r.lines[maxLogLines+1])
}

// TestLogLinesTellAGapWithinThem has somebody read again before the last line.
func TestLogLinesTellAGapWithinThem(t *testing.T) {
	t.Parallel()
	r, l := tooMany(t)
	r.reads <- struct{}{}
	<-r.begins // which leaves room for one
	say(t, l, "the last")
	close(r.reads)
	l.close()
	<-l.written
	require.Equal(t, []string{fmt.Sprint(maxLogLines - 1), "5 are missing", "the last"}, r.lines[maxLogLines:])
}
