package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Helper is a process of the harness. It reads commands and writes replies, one JSON object a line each. Calls must not overlap.
type Helper struct {
	process  *exec.Cmd
	commands *json.Encoder
	replies  *json.Decoder
	input    io.Closer
}

// StartHelper starts one by its command line.
func StartHelper(ctx context.Context, command []string) (*Helper, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	EndWithParent(cmd, false)
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
	return &Helper{process: cmd, commands: json.NewEncoder(in), replies: json.NewDecoder(out), input: in}, nil
}

// Ask sends a command and waits for the reply; a command of nil only waits for what the process says first.
func (h *Helper) Ask(command, reply any) (err error) {
	if command != nil {
		err = h.commands.Encode(command)
	}
	if err == nil {
		err = h.replies.Decode(reply)
	}
	if err != nil {
		return fmt.Errorf("lost helper process %d of the load test; was it killed? %w", h.PID(), err)
	}
	return nil
}

// PID is its process.
func (h *Helper) PID() int { return h.process.Process.Pid }

// Close ends the process by ending its input, and waits for it.
func (h *Helper) Close() {
	h.input.Close()
	_ = h.process.Wait()
}

// ServeHelper is the other side: it replies to each command until its input ends.
func ServeHelper[Command, Reply any](in io.Reader, out io.Writer, execute func(Command) Reply) error {
	commands, replies := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var command Command
		switch err := commands.Decode(&command); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read a command of the load test: %w", err)
		}
		if err := replies.Encode(execute(command)); err != nil {
			return fmt.Errorf("answer a command of the load test: %w", err)
		}
	}
}
