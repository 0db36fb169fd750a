package php

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed ask.php
var askScript string

const (
	askTime   = 5 * time.Second
	askOutput = 8 << 20 // bytes
)

// ErrNoPHP is why [AskPHP] fails where there is no php on the PATH.
var ErrNoPHP = errors.New("there is no php on the PATH")

// AskPHP has PHP itself include the files, in the environment of this process, and returns the values of those keys that are
// set and hold no objects but stdClass. It takes at most 5 seconds. Whatever the files do, they really do.
func AskPHP(ctx context.Context, files, keys []string) (map[string]Value, error) {
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answers, err := ask(limited, [][]string{files})
	if err != nil && limited.Err() != nil {
		err = fmt.Errorf("it did not answer within %v", askTime)
	}
	if err != nil {
		return nil, fmt.Errorf("ask php for %s: %w", strings.Join(files, ", "), err)
	}
	if answers[0].Error != "" {
		return nil, fmt.Errorf("ask php for %s: %s", strings.Join(files, ", "), answers[0].Error)
	}
	config, err := answers[0].array()
	if err != nil {
		return nil, fmt.Errorf("ask php for %s: %w", strings.Join(files, ", "), err)
	}
	found := map[string]Value{}
	for _, key := range keys {
		v, isSet := config.Get(key)
		if _, isUnknown := findUnknown(v); isSet && !isUnknown {
			found[key] = v
		}
	}
	return found, nil
}

// answer is a line of what ask.php prints.
type answer struct {
	Error  string          `json:"error"`
	Config json.RawMessage `json:"config"`
}

func (a answer) array() (*Array, error) {
	v, err := untag(a.Config)
	if err != nil {
		return nil, err
	}
	config, isArray := v.(*Array)
	if !isArray {
		return nil, errors.New("its answer is not an array")
	}
	return config, nil
}

// ask runs ask.php with jobs, each a list of files, and returns an answer to each.
func ask(ctx context.Context, jobs [][]string) ([]answer, error) {
	path, err := exec.LookPath("php")
	if err != nil {
		return nil, ErrNoPHP
	}
	var absolute [][]string
	for _, files := range jobs {
		var paths []string
		for _, file := range files {
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
	settings := []string{"-d", "display_errors=0", "-d", "log_errors=0", "-d", "memory_limit=64M"}
	command := exec.CommandContext(ctx, path, append(settings, "-r", script)...) //nolint:gosec // php as the PATH has it
	command.Stdin = bytes.NewReader(input)
	command.WaitDelay = time.Second
	output := &boundedBuffer{left: askOutput}
	command.Stdout = output
	if err := command.Run(); err != nil {
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

// tagged is a value as ask.php prints it, unless it is null or a bool.
type tagged struct {
	Int    *string              `json:"int"`
	Float  *string              `json:"float"`
	String *string              `json:"string"`
	Array  [][2]json.RawMessage `json:"array"`
	Object json.RawMessage      `json:"object"`
	Other  string               `json:"other"`
}

func untag(text json.RawMessage) (Value, error) {
	switch string(text) {
	case "null":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	var t tagged
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, err
	}
	switch {
	case t.Int != nil:
		return strconv.ParseInt(*t.Int, 10, 64)
	case t.Float != nil:
		b, err := hex.DecodeString(*t.Float)
		if err != nil || len(b) != 8 {
			return nil, errors.New("its answer has a broken number")
		}
		bits := uint64(0)
		for _, octet := range b {
			bits = bits<<8 | uint64(octet)
		}
		return math.Float64frombits(bits), nil
	case t.String != nil:
		b, err := base64.StdEncoding.DecodeString(*t.String)
		return string(b), err
	case t.Object != nil:
		properties, err := untag(t.Object)
		if err != nil {
			return nil, err
		}
		return &Object{Class: "stdClass", Properties: properties.(*Array)}, nil
	case t.Other != "":
		return unknown{reason: "PHP has a value of type " + t.Other + " there"}, nil
	}
	a := &Array{}
	for _, item := range t.Array {
		key, err := untag(item[0])
		if err != nil {
			return nil, err
		}
		v, err := untag(item[1])
		if err != nil {
			return nil, err
		}
		a.set(key, v, origin{})
	}
	return a, nil
}
