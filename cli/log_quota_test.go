package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// An instance that logs too much loses lines, and the operator hears how many.
func TestLogOfAnInstanceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var dropped []int
		q := &logQuota{out: &out, onDropped: func(lines int) { dropped = append(dropped, lines) }}
		for i := range maxInstanceLines + 7 {
			n, err := fmt.Fprintln(q, i)
			require.NoError(t, err)
			require.Positive(t, n)
		}
		require.Equal(t, maxInstanceLines, strings.Count(out.String(), "\n"))
		require.Empty(t, dropped)
		time.Sleep(time.Second)
		_, _ = fmt.Fprintln(q, "later")
		require.Contains(t, out.String(), "later")
		time.Sleep(time.Second)
		_, _ = fmt.Fprintln(q, "much later")
		require.Equal(t, []int{7}, dropped)
	})
}
