package loadtest

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// What a helper process is.
const (
	helperWorker = "worker"
	helperFloor  = "floor"
	helperBusy   = "busy"
)

// Help is the main function of a helper process, which is controlled by os.Stdin and os.Stdout.
func Help(name string) error {
	switch name {
	case helperWorker:
		return swarm.Work(os.Stdin, os.Stdout)
	case helperFloor:
		return stand.ServeFloor(os.Stdin, os.Stdout)
	case helperBusy:
		spin(os.Stdin)
		return nil
	default:
		return fmt.Errorf("no helper %q of the load test", name)
	}
}

// spin keeps a CPU busy until its input ends.
func spin(in io.Reader) {
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, in)
		ended.Store(true)
	}()
	for !ended.Load() {
	}
}
