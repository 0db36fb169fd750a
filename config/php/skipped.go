package php

import (
	"slices"
	"strings"
)

// Some code is not evaluated although PHP may run it: the body of a loop over what is not known, a generator, what is handed to a
// function that is not known and that may call it. What such code may change has to be unknown afterwards. Variables that it
// names are, see effects; if it may change anything else, nothing is certain any more.

// loud are PHP's functions that change what unrelated expressions give later on.
var loud = wordSet(`apache_setenv class_alias define extract forward_static_call forward_static_call_array override_function
	putenv register_tick_function rename_function runkit7_function_redefine set_error_handler set_exception_handler
	set_include_path spl_autoload_register stream_wrapper_register stream_wrapper_unregister`)

// writers are those that change what later expressions find in the file system.
var writers = wordSet(`chdir chgrp chmod chown chroot copy file_put_contents fputcsv fputs ftruncate fwrite link mkdir move_uploaded_file
	rename rmdir symlink tempnam touch unlink`)

// callers are those of callbackFunctions: evaluated, and they call what is handed to them.
var callers = wordSet("array_map array_filter array_reduce call_user_func call_user_func_array")

// decisive are the settings of PHP's that change what expressions give.
var decisive = wordSet("include_path open_basedir precision serialize_precision user_agent") //nolint:misspell // PHP's spelling

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// skipCall stands for a call of one of PHP's functions that is not evaluated.
func (e *evaluator) skipCall(name string, arguments []given) {
	name = e.lower(strings.TrimPrefix(name, `\`))
	opens := name == "fopen" && (len(arguments) < 2 || !isReading(arguments[1].value))
	sets := (name == "ini_set" || name == "ini_alter") && !e.isIndecisive(firstValue(arguments))
	switch {
	case loud[name] || sets:
		e.giveUp(name + "() is not evaluated, and may change anything")
	case writers[name] || opens:
		e.written = name
	}
	if ownFunctions[name] {
		return
	}
	for _, a := range arguments {
		e.handOver(a.value)
	}
}

func isReading(mode Value) bool {
	text, isString := mode.(string)
	return isString && strings.HasPrefix(text, "r")
}

func (e *evaluator) isIndecisive(setting Value) bool {
	name, isString := setting.(string)
	return isString && !decisive[e.lower(name)]
}

// handOver accounts for a value that code which is not evaluated gets, and may call.
func (e *evaluator) handOver(v Value) {
	e.stepOver(v)
	s := &survey{evaluator: e}
	s.value(v)
	s.conclude("it is handed to a function that is not evaluated, and ")
}

// skip gives up if code that is not evaluated may change what it does not name.
func (e *evaluator) skip(what string, code any) {
	s := &survey{evaluator: e}
	if f, isFunction := code.(*function); isFunction {
		s.function(f)
	} else {
		s.code(code)
	}
	s.conclude(what + " ")
}

// survey looks through code for what it may change besides the variables that it names.
type survey struct {
	*evaluator
	seen   map[*function]bool
	inside bool   // of a function, whose variables are its own
	harm   string // what was found first, as a predicate
}

func (s *survey) conclude(what string) {
	if s.harm != "" {
		s.giveUp(what + s.harm)
	}
}

func (s *survey) found(harm string) {
	if s.harm == "" {
		s.harm = harm
	}
}

// value looks at what may be called of a value.
func (s *survey) value(v Value) {
	switch v := v.(type) {
	case *closure:
		if v.function != nil {
			s.function(v.function)
		}
	case string:
		s.named(v)
	case *Array:
		for element := range v.all() {
			s.value(element.value)
		}
	case *Object:
		s.value(v.Properties)
	case unknown:
		s.anyFunction()
	}
}

// longestName is how long a string may be and still be taken for a name, in bytes.
const longestName = 300

// named looks at the function or class of a name.
func (s *survey) named(name string) {
	if len(name) > longestName {
		return
	}
	name = s.lower(strings.TrimPrefix(name, `\`))
	class, _, _ := strings.Cut(name, "::")
	switch {
	case loud[name], writers[name]:
		s.found("may call " + name + "()")
	case s.classes[class]:
		s.found("may use the class " + class)
	case s.functions[name] != nil:
		s.function(s.functions[name])
	}
}

// anyFunction looks at all functions of the files, for any of them may be called.
func (s *survey) anyFunction() {
	for _, f := range s.functions {
		s.function(f)
	}
	for f := range s.closures {
		s.function(f)
	}
}

func (s *survey) function(f *function) {
	if s.seen[f] || s.harm != "" {
		return
	}
	if s.seen == nil {
		s.seen = map[*function]bool{}
	}
	s.budget.spend(indexCost)
	s.seen[f] = true
	if slices.ContainsFunc(f.uses, func(use closureUse) bool { return use.byReference }) {
		s.found("may change variables that it holds by reference")
	}
	around := s.inside
	s.inside = true
	for _, p := range f.parameters {
		s.code(p.fallback)
	}
	for _, statement := range f.body {
		s.code(statement)
	}
	s.inside = around
}

func (s *survey) code(node any) {
	s.inspect(node, func(node any) {
		switch n := node.(type) {
		case *literal:
			if name, isString := n.value.(string); isString {
				s.named(name)
			}
		case *assignment:
			s.change(n.target)
			if n.byReference {
				s.change(n.value)
			}
		case *increment:
			s.change(n.target)
		case *foreach:
			s.change(n.value)
			s.change(n.key)
			if n.byReference {
				s.change(n.subject)
			}
		case *unsetStatement:
			for _, target := range n.targets {
				s.change(target)
			}
		case *call:
			s.call(n)
		case *foreignCall:
			s.method(n)
		case *functionExpression:
			s.function(n.function)
		case *beyond:
			if len(s.classes) > 0 {
				s.found("may use a class")
			}
		case *globalStatement:
			s.global(n)
		case *staticStatement:
			s.static(n)
		case *include:
			s.found("may include files")
		case *functionDeclaration, *classDeclaration, *constantDeclaration:
			s.found("may declare something")
		case *jump:
			if n.levels > 1 {
				s.found("may leave a loop around it")
			}
		}
	})
}

// change looks at what a target belongs to.
func (s *survey) change(target expression) {
	for {
		switch x := target.(type) {
		case *indexed:
			target = x.base
			continue
		case *property:
			s.found("may change an object")
		case *variable:
			if s.globals[x.name] != nil || unassignable[x.name] {
				s.found("may change $" + x.name)
			}
		case *arrayLiteral:
			for _, item := range x.items {
				s.change(item.value)
			}
		}
		return
	}
}

func (s *survey) global(x *globalStatement) {
	if !s.inside {
		s.found("may exchange a variable")
	}
	for _, name := range x.names {
		s.loseGlobal(name, "code that is not evaluated may change $"+name)
	}
}

func (s *survey) static(x *staticStatement) {
	if !s.inside {
		s.found("may exchange a variable")
	}
	s.loseStatic(x)
}

func (s *survey) call(x *call) {
	if _, isHere := x.callee.(*functionExpression); x.callee != nil && !isHere {
		s.found("may call any function")
		return
	}
	s.named(x.name)
	s.named(x.fallback)
	name := s.lower(x.fallback)
	if name == "" {
		name = s.lower(x.name)
	}
	if name == "fopen" || name == "ini_set" || name == "ini_alter" {
		s.found("may call " + name + "()")
	}
	_, evaluated := functions[name]
	if callers[name] || !evaluated && !ownFunctions[name] {
		s.arguments(x.arguments)
	}
}

// arguments looks at those that may hold any function; in others it would be visible.
func (s *survey) arguments(list []argument) {
	for _, a := range list {
		switch a.value.(type) {
		case *literal, *arrayLiteral, *functionExpression:
		default:
			s.anyFunction()
		}
	}
}

func (s *survey) method(x *foreignCall) {
	switch {
	case x.object != nil && len(s.classes) > 0, x.object == nil && (x.class == "" || s.classes[s.lower(x.class)]):
		s.found("may use a class")
	case x.object != nil:
		s.anyFunction()
	}
	s.arguments(x.arguments)
}
