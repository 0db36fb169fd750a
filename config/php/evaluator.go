package php

import (
	"path/filepath"
	"strings"
)

// evaluator runs scripts by walking their syntax trees. Three things end a walk early, all by a panic that is recovered where it is
// handled: *thrown up to a catch or the file, *fatal and *givenUp up to the file.
type evaluator struct {
	options Options
	sources *sources
	budget  *budget
	choices *choices

	// What PHP keeps for the whole process.
	functions    map[string]*function
	constants    map[string]Value
	superglobals variables       // $_ENV and those of a request; of $_SERVER what was assigned to it
	included     map[string]bool // for include_once
	jsonError    Value           // of the latest json_decode, perhaps unknown
	serverRoot   string
	configDir    string

	outermost variables // of the configuration
	walk
	run
}

// walk is where the evaluator is.
type walk struct {
	scope    variables
	here     origin
	depth    int
	prelude  string // the function of the prelude that it is in, of which the lines are no places in the files
	includes int
	tries    int // how many try blocks it is in, in the files that are being run
}

// variables of a function or, shared by all files, of the configuration.
type variables map[string]Value

// thrown is an exception on its way.
type thrown struct {
	object *Object // nil when its class is not known
	why    string  // in words of our own, where PHP itself throws it; it quotes no value
}

func (t *thrown) Error() string {
	text := "an exception is thrown"
	if t.object != nil {
		text += ": " + t.object.Class
	}
	if t.why != "" {
		text += ": " + t.why
	}
	return text
}

// fatal ends the request: exit, or an error that cannot be caught.
type fatal struct{ message string }

func newEvaluator(files []string, options Options, sources *sources, choices *choices) *evaluator {
	if options.Getenv == nil {
		options.Getenv = func(string) (string, bool) { return "", false }
	}
	e := &evaluator{
		options:      options,
		sources:      sources,
		budget:       sources.budget,
		choices:      choices,
		functions:    map[string]*function{},
		constants:    map[string]Value{},
		superglobals: variables{"_SERVER": &Array{}},
		included:     map[string]bool{},
		outermost:    variables{},
		jsonError:    int64(0),
		run:          run{values: &Array{}, fork: choices.fork},
	}
	for _, name := range []string{"_ENV", "_GET", "_POST", "_COOKIE", "_FILES", "_REQUEST"} {
		e.superglobals[name] = &Array{shared: true}
	}
	e.scope = e.outermost
	if len(files) > 0 {
		if first, err := filepath.Abs(files[0]); err == nil {
			e.configDir = filepath.Dir(first)
			e.serverRoot = filepath.Dir(e.configDir)
		}
	}
	return e
}

// runScript runs a parsed file and returns what it returns.
func (e *evaluator) runScript(f *source) Value {
	here := e.here
	e.here = origin{f.file, 1}
	e.declareFunctions(f.script.statements)
	out := e.runAll(f.script.statements)
	notLooping(out)
	e.here = here
	if out.kind == returns {
		return out.value
	}
	return int64(1)
}

// notLooping refuses a break or continue that leaves more loops than there are, which PHP does not compile.
func notLooping(out outcome) {
	if out.kind == breaks || out.kind == continues {
		panic(&fatal{"break or continue outside of a loop"})
	}
}

// declareFunctions makes functions known before the code that stands above them runs.
func (e *evaluator) declareFunctions(statements []statement) {
	for _, s := range statements {
		switch s := s.action.(type) {
		case *functionDeclaration:
			e.declareFunction(s.function)
		case *block:
			e.declareFunctions(s.statements)
		}
	}
}

func (e *evaluator) declareFunction(f *function) {
	name := e.lower(f.name)
	if e.functionExists(name) {
		panic(&fatal{"the function " + f.name + "() is declared twice"})
	}
	e.functions[name] = f
}

// on notes which line is being evaluated. What the prelude does happens where it is called.
func (e *evaluator) on(line int32) {
	if e.prelude == "" {
		e.here.line = line
	}
}

// lower returns a name as PHP compares names of functions and classes.
func (e *evaluator) lower(name string) string {
	e.budget.spend(2 * len(name))
	return lowered(name)
}

// unknown makes a value that is not known, for a reason that belongs to the current place.
func (e *evaluator) unknown(reason string) unknown {
	e.budget.spend(unknownCost + 3*len(reason))
	return unknown{reason: clip(reason), at: e.here}
}

// unknownCost is what an unknown value takes in bytes, as an interface, besides the making of its reason.
const unknownCost = 64

func (e *evaluator) giveUp(reason string) { panic(&givenUp{clip(reason)}) }

// exceed gives up because a limit was reached.
func (e *evaluator) exceed(reason string) {
	e.budget.exhausted = true
	e.giveUp(reason)
}

// clip shortens a message that holds a name out of a file, which can be of any length.
func clip(message string) string {
	const longest = 300 // bytes
	if len(message) <= longest {
		return message
	}
	return strings.ToValidUTF8(message[:longest], "") + "…"
}

// throw raises an exception as PHP would. It has no message, for the words of PHP's own depend on its version.
func (e *evaluator) throw(class, why string) {
	e.budget.spend(objectCost)
	panic(&thrown{&Object{Class: class, Properties: &Array{}}, why})
}

// warningCost is about what a warning takes in bytes.
const warningCost = 400

// objectCost is about what an object or a closure takes in bytes, with what comes and goes with it.
const objectCost = 640

// mayThrow stands for what is not evaluated: where an exception would be caught, one may come.
func (e *evaluator) mayThrow(u unknown) Value {
	if e.tries > 0 && e.choices.next(u.reason) {
		panic(&thrown{})
	}
	return u
}

// warn notes a problem that a loop may meet without end.
func (e *evaluator) warn(message string) {
	if len(e.warnings) > maxWarnings {
		return
	}
	e.budget.spend(warningCost)
	if len(e.warnings) == maxWarnings {
		message = "there are further warnings, which are left out"
	}
	e.warnings = append(e.warnings, Problem{e.sources.at(e.here).base, int(e.here.line), clip(message)})
}

// truth decides a condition. Where it is not known both ways are tried, one in this run and one in another.
func (e *evaluator) truth(v Value) bool {
	if u, isUnknown := v.(unknown); isUnknown {
		return e.choices.next(u.reason)
	}
	return Bool(v)
}
