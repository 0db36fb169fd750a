package loadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// What a helper process is.
const (
	// helperWorker is a process of simulated clients, see work.
	helperWorker = "worker"
	// helperFloor is the loop that measures the floor, see writeFloor.
	helperFloor = "floor"
)

// Help is the main function of a helper process; os.Stdin and os.Stdout are how it is spoken to.
func Help(name string) error {
	switch name {
	case helperWorker:
		return work(os.Stdin, os.Stdout)
	case helperFloor:
		return writeFloor(os.Stdin, os.Stdout)
	default:
		return fmt.Errorf("%q is no helper of the load test", name)
	}
}

// helper is a process of the harness that obeys orders: one JSON object a line each way.
type helper struct {
	process *exec.Cmd
	orders  *json.Encoder
	reports *json.Decoder
	input   io.Closer
}

func startHelper(ctx context.Context, command []string) (*helper, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	endWithParent(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a helper process: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a helper process: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a helper process with %q: %w", command, err)
	}
	return &helper{process: cmd, orders: json.NewEncoder(in), reports: json.NewDecoder(out), input: in}, nil
}

// ask gives an order and waits for the report.
func (h *helper) ask(order, report any) error {
	if err := h.orders.Encode(order); err != nil {
		return h.lost(err)
	}
	if err := h.reports.Decode(report); err != nil {
		return h.lost(err)
	}
	return nil
}

func (h *helper) lost(err error) error {
	return fmt.Errorf("process %d of the load test obeys no more; has something ended it? %w", h.pid(), err)
}

func (h *helper) pid() int { return h.process.Process.Pid }

// close ends the process, for which the end of its orders is the sign.
func (h *helper) close() {
	h.input.Close()
	_ = h.process.Wait()
}

// obey makes a helper process a worker.
func (h *helper) obey(o order) (r report) {
	if err := h.ask(o, &r); err != nil {
		r.Error = err.Error()
	}
	return r
}
