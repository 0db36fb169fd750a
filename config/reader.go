package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/notifypush/notifypush/config/php"
)

// Reader reads the configuration for root as well. What config.php says, and what PHP does when it is asked, has the rights of those who may
// change config.php, the *.config.php beside it, what these include, or a folder on the way: where that is not root alone, this program is started
// again as that user, to read the files and print what they say.
//
// Nothing is started without Arguments, which the zero value has not: then root does not read such files, and Load says so.
type Reader struct {
	// Arguments have the program, which is started again, call [ServeRead].
	Arguments []string
	// IgnoresInstances has Load fill the settings of one Nextcloud, also where a variable names a folder of several.
	IgnoresInstances bool
}

// readFiles reads the files, with the rights of the user that it names where that is not the process's own. ask has PHP read what was found, with
// the same rights, and say what the consulted keys are.
func (r Reader) readFiles(ctx context.Context, path string, glob bool, env environment) (found configFiles, as string, ask func() (map[string]php.Value, error)) {
	keys := slices.Sorted(maps.Keys(consulted))
	askHere := func() (map[string]php.Value, error) { return php.AskPHP(ctx, env.all(), found.files, keys) }
	if os.Geteuid() != 0 {
		return readConfigFiles(ctx, path, glob, env.lookup), "", askHere
	}
	owner, err := findKeeper(ctx, []string{path, filepath.Dir(path)})
	if owner == nil && err == nil && glob {
		owner, err = findKeeper(ctx, found.beside(ctx, path))
	}
	if owner == nil && err == nil {
		found = readConfigFiles(ctx, path, glob, env.lookup)
		owner, err = findKeeper(ctx, found.evaluated) // what is included, too
	}
	if owner == nil && err == nil {
		return found, "", askHere
	}
	if owner != nil {
		found, err = r.readAs(ctx, owner, path, glob, env)
	}
	if err != nil {
		return configFiles{unreadable: err, broken: err.Error()}, "", nil
	}
	found.warn("this runs as root, and %s may change %s: the configuration is read with the rights of %s only; %s", owner.who, owner.path, owner.user, owner.help)
	return found, owner.user, func() (map[string]php.Value, error) {
		reply, err := r.run(ctx, owner, readJob{Ask: inBytes(found.files), Keys: keys}, env.all())
		if err != nil {
			return nil, err
		}
		return reply.answers(), nil
	}
}

// readAs has the files read with the rights of their owner.
func (r Reader) readAs(ctx context.Context, owner *keeper, path string, glob bool, env environment) (configFiles, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return configFiles{}, err
	}
	job := readJob{Path: []byte(absolute), Glob: glob, DotEnv: map[string][]byte{}}
	for name, text := range env.file {
		job.DotEnv[name] = []byte(text)
	}
	reply, err := r.run(ctx, owner, job, env.all())
	if err != nil {
		return configFiles{}, err
	}
	return reply.files(), nil
}

// run starts this program as another user, and has it do a job.
func (r Reader) run(ctx context.Context, owner *keeper, job readJob, variables []string) (*readReply, error) {
	reply, err := r.start(ctx, owner, job, variables)
	switch {
	case err == nil && reply.NoPHP:
		return nil, php.ErrNoPHP
	case err == nil && reply.Fault != "":
		return nil, errors.New(reply.Fault)
	case err == nil:
		return reply, nil
	}
	mayPass := errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil
	err = fmt.Errorf("%s may change %s, so root does not read it, and reading it with the rights of %s failed: %w; %s", owner.who, owner.path, owner.user, err, owner.help)
	if mayPass {
		err = notYetError{err}
	}
	return nil, err
}

func (r Reader) start(ctx context.Context, owner *keeper, job readJob, variables []string) (*readReply, error) {
	if r.Arguments == nil {
		return nil, errors.New("this program starts no other process")
	}
	input, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	output, err := startAs(limited, owner, r.Arguments, variables, input)
	if err != nil {
		return nil, err
	}
	var reply readReply
	if err := json.Unmarshal(output, &reply); err != nil {
		return nil, fmt.Errorf("read its answer: %w", err)
	}
	return &reply, nil
}

const (
	readTime   = 10 * time.Second // for PHP has 5 s
	maxReadJob = 2 << 20
	maxReply   = 1 << 20 // bytes
)

// readJob is what another process is to do: read the files of the configuration, or ask PHP about files. Paths and variables are bytes.
type readJob struct {
	Path   []byte
	Glob   bool
	DotEnv map[string][]byte

	Ask  [][]byte
	Keys []string
}

// readReply is what it answers: text, numbers and plain values.
type readReply struct {
	Files      [][]byte
	AllThere   bool
	Values     map[string]readEntry
	Unknown    []php.Unknown
	Exhausted  bool
	Broken     string
	Unreadable *readFault
	Doubt      *readFault
	Warnings   []string

	Answers map[string]readValue
	NoPHP   bool

	Fault string // why there is nothing of the above
}

// readEntry is a [php.Entry].
type readEntry struct {
	Value readValue
	File  string
	Line  int
}

// readValue is a [php.Value].
type readValue struct{ php.Value }

func (v readValue) MarshalJSON() ([]byte, error) { return php.Encode(v.Value) }

func (v *readValue) UnmarshalJSON(data []byte) (err error) {
	v.Value, err = php.Decode(data)
	return err
}

// readFault is an error.
type readFault struct {
	Text   string
	NotYet bool
}

func newReadFault(err error) *readFault {
	if err == nil {
		return nil
	}
	return &readFault{Text: err.Error(), NotYet: isNotYet(err)}
}

func (f *readFault) err() error {
	switch {
	case f == nil:
		return nil
	case f.NotYet:
		return notYetError{errors.New(f.Text)}
	default:
		return errors.New(f.Text)
	}
}

func inBytes(texts []string) [][]byte {
	var all [][]byte
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	return all
}

func inTexts(all [][]byte) []string {
	var texts []string
	for _, text := range all {
		texts = append(texts, string(text))
	}
	return texts
}

func (r *readReply) files() configFiles {
	c := configFiles{
		files: inTexts(r.Files), allThere: r.AllThere, values: map[string]php.Entry{}, unknown: map[string]php.Unknown{}, exhausted: r.Exhausted, broken: r.Broken,
		unreadable: r.Unreadable.err(), doubt: r.Doubt.err(), warnings: r.Warnings,
	}
	for key, entry := range r.Values {
		c.values[key] = php.Entry{Value: entry.Value.Value, File: entry.File, Line: entry.Line}
	}
	for _, unknown := range r.Unknown {
		c.unknown[unknown.Key] = unknown
	}
	return c
}

func (r *readReply) answers() map[string]php.Value {
	answers := map[string]php.Value{}
	for key, answer := range r.Answers {
		answers[key] = answer.Value
	}
	return answers
}

// ServeRead does what a [Reader] of another process asks for on in, and answers on out.
func ServeRead(ctx context.Context, in io.Reader, out io.Writer) error {
	input, err := io.ReadAll(io.LimitReader(in, maxReadJob))
	if err != nil {
		return err
	}
	var job readJob
	if err := json.Unmarshal(input, &job); err != nil {
		return fmt.Errorf("decode what is to be read: %w", err)
	}
	var reply readReply
	if job.Ask != nil {
		reply = ask(ctx, job)
	} else {
		reply = read(ctx, job)
	}
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(reply); err != nil { // a value that is none, such as a function
		return encoder.Encode(readReply{Fault: err.Error()})
	}
	return nil
}

func ask(ctx context.Context, job readJob) readReply {
	answers, err := php.AskPHP(ctx, nil, inTexts(job.Ask), job.Keys)
	if err != nil {
		return readReply{Fault: err.Error(), NoPHP: errors.Is(err, php.ErrNoPHP)}
	}
	reply := readReply{Answers: map[string]readValue{}}
	for key, value := range answers {
		reply.Answers[key] = readValue{value}
	}
	return reply
}

func read(ctx context.Context, job readJob) readReply {
	env := environment{process: os.LookupEnv, file: map[string]string{}}
	for name, text := range job.DotEnv {
		env.file[name] = string(text)
	}
	c := readConfigFiles(ctx, string(job.Path), job.Glob, env.lookup)
	reply := readReply{
		Files: inBytes(c.files), AllThere: c.allThere, Values: map[string]readEntry{}, Unknown: slices.Collect(maps.Values(c.unknown)), Exhausted: c.exhausted, Broken: c.broken,
		Unreadable: newReadFault(c.unreadable), Doubt: newReadFault(c.doubt), Warnings: c.warnings,
	}
	for key, entry := range c.values {
		if _, isConsulted := consulted[key]; isConsulted || slices.Contains(noted, key) {
			reply.Values[key] = readEntry{readValue{entry.Value}, entry.File, entry.Line}
		}
	}
	return reply
}

// boundedOutput refuses to grow beyond what a reply may have.
type boundedOutput struct{ bytes.Buffer }

func (b *boundedOutput) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxReply {
		return 0, fmt.Errorf("it says more than %d MiB", maxReply>>20)
	}
	return b.Buffer.Write(p)
}
