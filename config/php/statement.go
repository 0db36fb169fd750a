package php

import (
	"slices"
	"strings"
)

// flow is how a statement ended.
type flow int

const (
	proceeds flow = iota
	breaks
	continues
	returns
)

type outcome struct {
	kind   flow
	levels int   // how many loops are still to be left
	value  Value // that is returned
}

func (e *evaluator) execute(statements []statement) outcome {
	for _, s := range statements {
		e.budget.step(1)
		if out := e.statement(s); out.kind != proceeds {
			return out
		}
	}
	return outcome{}
}

func (e *evaluator) statement(s statement) outcome {
	switch s := s.(type) {
	case *expressionStatement:
		e.here.line = s.line
		e.eval(s.expression)
	case *block:
		return e.execute(s.statements)
	case *ifStatement:
		return e.ifStatement(s)
	case *loop:
		return e.loop(s)
	case *doLoop:
		return e.doLoop(s)
	case *foreach:
		return e.foreach(s)
	case *switchStatement:
		return e.switchStatement(s)
	case *jump:
		return outcome{kind: s.kind, levels: s.levels}
	case *returnStatement:
		e.here.line = s.line
		if s.value == nil {
			return outcome{kind: returns}
		}
		return outcome{kind: returns, value: e.eval(s.value)}
	case *tryStatement:
		return e.try(s)
	case *functionDeclaration:
		if e.functions[e.lower(s.function.name)] != s.function {
			e.declareFunction(s.function)
		}
	case *classDeclaration:
		e.classes[e.lower(s.name)] = true
	case *constantDeclaration:
		e.here.line = s.line
		e.define(s.name, e.eval(s.value))
	case *globalStatement:
		for _, name := range s.names {
			e.scope.variables[name] = e.global(name)
		}
	case *staticStatement:
		e.static(s)
	case *unsetStatement:
		e.here.line = s.line
		for _, target := range s.targets {
			e.unset(target)
		}
	}
	return outcome{}
}

func (e *evaluator) ifStatement(s *ifStatement) outcome {
	for _, branch := range s.branches {
		e.here.line = s.line
		if e.truth(e.eval(branch.condition)) {
			return e.execute(branch.body)
		}
	}
	return e.execute(s.otherwise)
}

// leave decides what an outcome of its body means for a loop: done when the loop ends, and how.
func leave(out outcome) (result outcome, done bool) {
	switch {
	case out.kind == proceeds, out.kind == continues && out.levels == 1:
		return outcome{}, false
	case out.kind == returns:
		return out, true
	case out.levels > 1:
		out.levels--
		return out, true
	}
	return outcome{}, true
}

func (e *evaluator) loop(s *loop) outcome {
	e.here.line = s.line
	e.evalAll(s.before)
	for {
		e.budget.step(1)
		if condition := e.evalAll(s.conditions); len(s.conditions) > 0 && !e.truth(condition) {
			return outcome{}
		}
		if out, done := leave(e.execute(s.body)); done {
			return out
		}
		e.evalAll(s.after)
	}
}

func (e *evaluator) doLoop(s *doLoop) outcome {
	for {
		e.budget.step(1)
		if out, done := leave(e.execute(s.body)); done {
			return out
		}
		if !e.truth(e.eval(s.condition)) {
			return outcome{}
		}
	}
}

// evalAll returns the value of the last expression.
func (e *evaluator) evalAll(list []expression) (last Value) {
	for _, x := range list {
		last = e.eval(x)
	}
	return last
}

func (e *evaluator) foreach(s *foreach) outcome {
	e.here.line = s.line
	if s.changesSubject() {
		e.update(e.place(s.subject), func(old Value) Value { return old }) // makes it null where it is not there
	}
	subject := e.eval(s.subject)
	if object, isObject := subject.(*Object); isObject {
		subject = object.Properties.clone()
	}
	list, isArray := subject.(*Array)
	switch {
	case s.byReference && isArray && (s.changesSubject() || !e.isPassing(s)):
		e.forget(s, "references to elements are not known")
		return outcome{}
	case isArray:
		return e.each(s, list)
	}
	if u, isUnknown := subject.(unknown); isUnknown {
		e.forget(s, u.reason)
	}
	return outcome{}
}

// changesSubject says whether a loop may write to what it goes over.
func (s *foreach) changesSubject() bool {
	_, isLiteral := s.subject.(*arrayLiteral)
	return s.byReference && isTarget(s.subject) && !isLiteral
}

// isPassing says whether a loop by reference goes over an array that nobody else sees, with a variable of its own.
func (e *evaluator) isPassing(s *foreach) bool {
	v, isVariable := s.value.(*variable)
	if c, isCall := s.subject.(*call); isCall {
		name, _ := e.resolve(c.name, c.fallback)
		if f := e.functions[e.lower(name)]; c.callee != nil || f != nil && f.byReference {
			e.giveUp("a reference to what a function returns is taken")
		}
	}
	return isVariable && e.globals[v.name] == nil && !unassignable[v.name]
}

func (e *evaluator) each(s *foreach, list *Array) outcome {
	list.shared = true // the loop goes over what was there when it began
	for element := range list.all() {
		e.budget.step(1)
		if s.byReference {
			e.budget.spend(indexCost)
			e.scope.variables[s.value.(*variable).name] = &slot{} // no longer another's
		}
		e.assign(s.value, read(element.value), e.at(s.line))
		if s.key != nil {
			e.assign(s.key, element.key, e.at(s.line))
		}
		if out, done := leave(e.execute(s.body)); done {
			return out
		}
	}
	return outcome{}
}

// forget makes unknown what a loop of unknown length may change, and gives up if that cannot be told from its text.
func (e *evaluator) forget(s *foreach, reason string) {
	skipped := *s
	if !s.byReference {
		skipped.subject = nil // which was evaluated
	}
	e.skip("a loop over what is not known", &skipped)
	changed := e.effects(&skipped)
	if changed.leaves {
		e.giveUp("a loop over what is not known may end the file: " + reason)
	}
	u := e.unknown(reason)
	for _, x := range changed.places {
		e.forgetPlace(x, u)
	}
	kept := u
	kept.kept = true
	for _, name := range changed.bound {
		e.slot(name).value = kept
	}
	if s.changesSubject() {
		e.forgetElements(s.subject, u)
	}
	if v, isVariable := s.value.(*variable); s.byReference && isVariable && e.globals[v.name] == nil && !unassignable[v.name] {
		e.refer(v.name, kept) // it may be the last element
	}
	e.mayThrow(u)
}

// forgetPlace makes a place unknown, unless PHP would throw if it wrote there, and so writes nothing.
func (e *evaluator) forgetPlace(x expression, u unknown) {
	here, depth := e.here, e.depth
	defer func() {
		if r := recover(); r != nil {
			if _, isThrown := r.(*thrown); !isThrown {
				panic(r)
			}
			e.here, e.depth = here, depth
		}
	}()
	e.update(e.place(x), func(Value) Value { return u })
}

// forgetElements makes unknown what a loop by reference may change: each element of a variable, or all that is elsewhere.
func (e *evaluator) forgetElements(subject expression, u unknown) {
	_, isVariable := subject.(*variable)
	e.update(e.place(subject), func(old Value) Value {
		list, isArray := old.(*Array)
		if !isVariable || !isArray {
			return u
		}
		kept := u
		kept.kept = true
		e.budget.spend(list.cost() + elementCost)
		changed := list.clone()
		for element := range list.all() {
			changed.set(element.key, kept, element.at)
		}
		return changed
	})
}

func (e *evaluator) switchStatement(s *switchStatement) outcome {
	e.here.line = s.line
	subject := e.eval(s.subject)
	start := slices.IndexFunc(s.cases, func(c switchCase) bool {
		return c.value != nil && e.truth(e.compareWith("==", subject, e.eval(c.value)))
	})
	if start < 0 {
		start = slices.IndexFunc(s.cases, func(c switchCase) bool { return c.value == nil })
	}
	if start < 0 {
		return outcome{}
	}
	for _, c := range s.cases[start:] {
		out := e.execute(c.body)
		if out.kind == continues && out.levels == 1 {
			return outcome{} // continue acts on a switch as break does
		}
		if result, done := leave(out); done {
			return result
		}
	}
	return outcome{}
}

// try runs the body, then the catch that fits what it threw, and in any case the finally block.
func (e *evaluator) try(s *tryStatement) outcome {
	out, exception := e.guard(s.body, len(s.catches) > 0)
	if exception != nil {
		for _, c := range s.catches {
			if e.catches(c, exception) {
				out, exception = e.handle(c, exception, s.finally != nil)
				break
			}
		}
	}
	if last := e.execute(s.finally); last.kind != proceeds {
		return last
	}
	if exception != nil {
		panic(exception)
	}
	return out
}

func (e *evaluator) handle(c catchClause, exception *thrown, guarded bool) (outcome, *thrown) {
	if c.variable != "" {
		var caught Value = e.unknown("an exception of unknown class")
		if exception.object != nil {
			caught = exception.object
		}
		e.slot(c.variable).value = caught
	}
	if guarded {
		return e.guard(c.body, false)
	}
	return e.execute(c.body), nil
}

// guard runs statements and returns the exception that ended them. While a catch waits, a call of unknown effect may throw.
func (e *evaluator) guard(body []statement, caught bool) (out outcome, exception *thrown) {
	scope, here, strict, depth, includes, tries := e.scope, e.here, e.strict, e.depth, e.includes, e.tries
	e.guards++
	if e.guards > maxGuards {
		e.exceed("too many try blocks within each other")
	}
	defer func() {
		e.guards--
		e.tries = tries
		if r := recover(); r != nil {
			t, isThrown := r.(*thrown)
			if !isThrown {
				panic(r)
			}
			e.scope, e.here, e.strict, e.depth, e.includes = scope, here, strict, depth, includes
			exception = t
		}
	}()
	if caught {
		e.tries++
	}
	return e.execute(body), nil
}

// catches says whether a catch clause takes an exception.
func (e *evaluator) catches(c catchClause, exception *thrown) bool {
	if slices.Contains(c.classes, "throwable") {
		return true
	}
	if exception.object == nil {
		return e.choices.next("an exception of unknown class")
	}
	return slices.ContainsFunc(c.classes, func(class string) bool { return isA(exception.object.Class, class) })
}

// parents of PHP's own exceptions, in lower case.
var parents = map[string]string{
	"exception": "throwable", "error": "throwable",
	"errorexception": "exception", "jsonexception": "exception", "logicexception": "exception", "runtimeexception": "exception",
	"badfunctioncallexception": "logicexception", "domainexception": "logicexception", "invalidargumentexception": "logicexception",
	"lengthexception": "logicexception", "outofrangeexception": "logicexception", "outofboundsexception": "runtimeexception",
	"overflowexception": "runtimeexception", "rangeexception": "runtimeexception", "underflowexception": "runtimeexception",
	"unexpectedvalueexception": "runtimeexception",
	"arithmeticerror":          "error", "assertionerror": "error", "compileerror": "error", "parseerror": "compileerror",
	"typeerror": "error", "valueerror": "error", "unhandledmatcherror": "error",
	"divisionbyzeroerror": "arithmeticerror", "argumentcounterror": "typeerror",
}

// isA says whether a class of PHP's own is another, which is in lower case, or a child of it.
func isA(class, other string) bool {
	for class = strings.ToLower(class); class != ""; class = parents[class] {
		if class == other {
			return true
		}
	}
	return false
}
