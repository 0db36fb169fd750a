package php

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/notifypush/notifypush/internal/files"
)

//go:embed ask.php
var askScript string

const (
	askTime   = 5 * time.Second
	askOutput = 8 << 20 // bytes
)

// ErrNoPHP is why [AskPHP] fails where there is no php on the PATH.
var ErrNoPHP = errors.New("there is no php on the PATH")

// AskPHP has PHP itself include the files, in an environment of these variables, or in that of this process if they are nil, and returns the values of those keys that are
// set and hold no objects but stdClass. It takes at most 5 seconds. Whatever the files do, they really do.
func AskPHP(ctx context.Context, variables, paths, keys []string) (map[string]Value, error) {
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	found := map[string]Value{}
	answers, err := ask(limited, variables, [][]string{paths})
	switch {
	case err != nil && limited.Err() != nil:
		err = fmt.Errorf("it did not answer within %v", askTime)
	case err == nil && answers[0].Error != "":
		err = errors.New(answers[0].Error)
	case err == nil:
		err = answers[0].read(limited, func(key string, v Value) {
			if slices.Contains(keys, key) {
				found[key] = v
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("ask php for %s: %w", strings.Join(paths, ", "), err)
	}
	return found, nil
}

// answer is a line of what ask.php prints.
type answer struct {
	Error  string `json:"error"`
	Config []byte `json:"config"` // PHP source of an array: for each key a list of its value, or null if that has no source
}

// read yields what PHP found.
func (a answer) read(ctx context.Context, yield func(key string, v Value)) error {
	budget := newBudget(ctx, Limits{Memory: 8 * askOutput}.withDefaults())
	config, err := evaluateSource("<?php return "+string(a.Config)+";", budget)
	if err != nil {
		return fmt.Errorf("its answer cannot be read: %w", err)
	}
	for key, item := range config.All() {
		if list, isArray := item.(*Array); isArray && list.Len() == 1 {
			yield(Text(key), list.elements[0].value)
		}
	}
	return nil
}

// evaluateSource gives the array that a source of a few expressions returns.
func evaluateSource(text string, b *budget) (result *Array, err error) {
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case *givenUp:
			err = errors.New(ended.reason)
		default:
			panic(ended)
		}
	}()
	parsed, failed := parse(text, "", 0, b)
	if failed != nil {
		return nil, errors.New(failed.message)
	}
	e := newEvaluator(nil, Options{}, newSources(b), &choices{})
	result, isArray := e.runScript(&source{script: parsed}).(*Array)
	if !isArray {
		return nil, errors.New("it is not an array")
	}
	return result, nil
}

// ask runs ask.php with jobs, each a list of files, and returns an answer to each.
func ask(ctx context.Context, variables []string, jobs [][]string) ([]answer, error) {
	path, err := exec.LookPath("php")
	if err != nil {
		return nil, ErrNoPHP
	}
	var absolute [][]string
	for _, job := range jobs {
		var paths []string
		for _, file := range job {
			path, err := filepath.Abs(file)
			if err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
		absolute = append(absolute, paths)
	}
	input, err := json.Marshal(absolute)
	if err != nil {
		return nil, err
	}
	script := strings.TrimPrefix(askScript, "<?php")
	settings := []string{"-d", "display_errors=0", "-d", "log_errors=0", "-d", "memory_limit=64M", "-d", "serialize_precision=17"}
	command := exec.CommandContext(ctx, path, append(settings, "-r", script)...) //nolint:gosec // php as the PATH has it
	command.Stdin, command.Env = bytes.NewReader(input), variables
	command.WaitDelay = time.Second
	output := &boundedBuffer{left: askOutput}
	command.Stdout = output
	// A process that waits for a dead file system cannot be ended, and is not waited for.
	ended, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(2*command.WaitDelay, end) })()
	if _, err := files.Within(ended, func() (any, error) { return nil, command.Run() }); err != nil {
		return nil, fmt.Errorf("it failed, as it would in Nextcloud: %w", err)
	}
	decoder := json.NewDecoder(&output.Buffer)
	answers := make([]answer, len(jobs))
	for i := range answers {
		if err := decoder.Decode(&answers[i]); err != nil {
			return nil, fmt.Errorf("it ended before it answered: %w", err)
		}
	}
	return answers, nil
}

// boundedBuffer is a buffer that refuses to grow without bound.
type boundedBuffer struct {
	bytes.Buffer
	left int
}

func (l *boundedBuffer) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, io.ErrShortBuffer
	}
	l.left -= len(p)
	return l.Buffer.Write(p)
}
