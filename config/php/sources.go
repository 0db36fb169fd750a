package php

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// sources reads and parses each file once.
type sources struct {
	budget *budget
	files  map[string]*source // by the path as it was given
	loaded []*source          // an origin's file is a place in it, from 1
	strict bool               // one of them has strict types
}

// source is a file that was looked for. Exactly one of script, problem and beyond is set.
type source struct {
	path    string // absolute, without symbolic links
	base    string // of the path as it was given
	file    int32
	size    int // bytes
	script  *script
	sets    bool     // it names $CONFIG, be it in a branch that is not taken
	problem *Problem // PHP would fail, too
	beyond  *Problem // this package fails, PHP may not
}

func newSources(b *budget) *sources {
	return &sources{budget: b, files: map[string]*source{}}
}

// base returns the base name of the file in which something was written.
func (s *sources) base(at origin) string {
	if at.file < 1 {
		return ""
	}
	return s.loaded[at.file-1].base
}

// folder returns the folder of the file in which something was written.
func (s *sources) folder(at origin) string {
	if at.file < 1 {
		return ""
	}
	return filepath.Dir(s.loaded[at.file-1].path)
}

// load returns the parsed file. It may panic with *givenUp.
func (s *sources) load(path string) *source {
	if loaded, found := s.files[path]; found {
		return loaded
	}
	f := &source{path: realPath(path), base: filepath.Base(path), file: int32(len(s.loaded)) + 1} //nolint:gosec // G115: files are bounded by the budget
	s.loaded = append(s.loaded, f)
	s.files[path] = f
	content, err := readFile(path, s.budget)
	if err != nil {
		f.problem = &Problem{Message: err.Error()}
		return f
	}
	f.size = len(content)
	parsed, err := parse(content, f.path, f.file, s.budget)
	var bad *syntaxError
	switch {
	case errors.As(err, &bad) && bad.beyond:
		f.beyond = &Problem{Line: int(bad.line), Message: bad.message}
	case errors.As(err, &bad):
		f.problem = &Problem{Line: int(bad.line), Message: "PHP cannot read it: " + bad.message}
	default:
		f.script, f.sets = parsed, strings.Contains(content, "$CONFIG")
		s.strict = s.strict || parsed.strict
	}
	return f
}

// errNotRegular is why a device, a pipe or a folder is not read.
var errNotRegular = errors.New("not a regular file")

// readFile reads a regular file of at most the size that is allowed, which the caller accounts for. A pipe that takes the file's place is
// not waited for.
func readFile(path string, b *budget) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", reason(err))
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("cannot be read: %w", errNotRegular)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:gosec // G304: the operator's configuration names the file
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", reason(err))
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("cannot be read: %w", errNotRegular)
	}
	limit := b.limits.FileSize
	b.spend(copyBuffer)
	var content strings.Builder
	content.Grow(int(min(info.Size(), limit)) + 1)
	length, err := io.Copy(&content, io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot be read: %w", reason(err))
	case length > limit:
		return "", fmt.Errorf("is larger than %d KiB", limit>>10)
	}
	return content.String(), nil
}

const copyBuffer = 32 << 10 // what io.Copy allocates

// reason leaves the path out of an error of the file system.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// realPath is the absolute path without symbolic links, as PHP's __FILE__ has it.
func realPath(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
		return resolved
	}
	return absolute
}
