package php

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/notifypush/notifypush/internal/files"
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

// at returns the file in which something was written, and one without a name where it was nowhere.
func (s *sources) at(place origin) *source {
	if place.file < 1 {
		return &source{}
	}
	return s.loaded[place.file-1]
}

// load returns the parsed file. It may panic with *givenUp.
func (s *sources) load(path string) *source {
	if loaded, found := s.files[path]; found {
		return loaded
	}
	f := &source{path: realPath(path, s.budget), base: filepath.Base(path), file: int32(len(s.loaded)) + 1} //nolint:gosec // G115: files are bounded by the budget
	s.loaded = append(s.loaded, f)
	s.files[path] = f
	content, err := readFile(path, s.budget)
	if err != nil {
		f.problem = &Problem{Message: err.Error()}
		return f
	}
	f.size = len(content)
	parsed, failed := parse(content, f.path, f.file, s.budget)
	switch {
	case failed != nil && failed.beyond:
		f.beyond = &Problem{Line: int(failed.line), Message: failed.message}
	case failed != nil:
		f.problem = &Problem{Line: int(failed.line), Message: "PHP cannot read it: " + failed.message}
	default:
		f.script, f.sets = parsed, strings.Contains(content, "$CONFIG")
		s.strict = s.strict || parsed.strict
	}
	return f
}

// fileTime is how long one look at the file system may take. What takes longer makes one value unknown, and not all.
const fileTime = time.Second

// look has the file system answer, in time.
func look[T any](b *budget, call func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, fileTime)
	defer cancel()
	value, err := call(ctx)
	if b.ctx.Err() != nil {
		b.exhausted = true
		panic(&givenUp{fmt.Sprintf("it takes longer than %v", b.limits.Time)})
	}
	return value, err
}

func stat(b *budget, path string) (fs.FileInfo, error) {
	return look(b, func(ctx context.Context) (fs.FileInfo, error) { return files.Stat(ctx, path) })
}

// readFile reads a regular file of at most the size that is allowed, which the caller accounts for.
func readFile(path string, b *budget) (string, error) {
	limit := b.limits.FileSize
	b.spend(copyBuffer)
	content, err := look(b, func(ctx context.Context) (string, error) { return files.Read(ctx, path, limit, nil) })
	switch {
	case errors.Is(err, files.ErrTooLarge):
		return "", fmt.Errorf("is larger than %d KiB", limit>>10)
	case err != nil:
		return "", fmt.Errorf("cannot be read: %w", reason(err))
	}
	return content, nil
}

const copyBuffer = 32 << 10 // what reading allocates

// reason leaves the path out of an error of the file system.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// realPath is the absolute path without symbolic links, as PHP's __FILE__ has it.
func realPath(path string, b *budget) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	resolved, err := look(b, func(ctx context.Context) (string, error) {
		return files.Within(ctx, func() (string, error) { return filepath.EvalSymlinks(absolute) })
	})
	if err != nil {
		return absolute
	}
	return resolved
}
