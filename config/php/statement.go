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

// runAll executes statements up to the first that does not proceed to the next.
func (e *evaluator) runAll(statements []statement) outcome {
	for _, s := range statements {
		e.budget.step(1)
		if out := s.execute(e); out.kind != proceeds {
			return out
		}
	}
	return outcome{}
}

func (s *expressionStatement) execute(e *evaluator) outcome {
	e.here.line = s.line
	e.eval(s.expression)
	return outcome{}
}

func (s *block) execute(e *evaluator) outcome { return e.runAll(s.statements) }

func (s *jump) execute(*evaluator) outcome { return outcome{kind: s.kind, levels: s.levels} }

func (s *returnStatement) execute(e *evaluator) outcome {
	e.here.line = s.line
	if s.value == nil {
		return outcome{kind: returns}
	}
	return outcome{kind: returns, value: e.eval(s.value)}
}

func (s *functionDeclaration) execute(e *evaluator) outcome {
	if e.functions[e.lower(s.function.name)] != s.function {
		e.declareFunction(s.function)
	}
	return outcome{}
}

func (s *constantDeclaration) execute(e *evaluator) outcome {
	e.here.line = s.line
	e.define(s.name, e.eval(s.value))
	return outcome{}
}

func (s *unsetStatement) execute(e *evaluator) outcome {
	e.here.line = s.line
	for _, target := range s.targets {
		e.unset(target)
	}
	return outcome{}
}

func (s *ifStatement) execute(e *evaluator) outcome {
	for _, branch := range s.branches {
		e.here.line = s.line
		if e.truth(e.eval(branch.condition)) {
			return e.runAll(branch.body)
		}
	}
	return e.runAll(s.otherwise)
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

func (s *loop) execute(e *evaluator) outcome {
	e.here.line = s.line
	e.evalAll(s.before)
	for {
		e.budget.step(1)
		if condition := e.evalAll(s.conditions); len(s.conditions) > 0 && !e.truth(condition) {
			return outcome{}
		}
		if out, done := leave(e.runAll(s.body)); done {
			return out
		}
		e.evalAll(s.after)
	}
}

// evalAll returns the value of the last expression.
func (e *evaluator) evalAll(list []expression) (last Value) {
	for _, x := range list {
		last = e.eval(x)
	}
	return last
}

func (s *foreach) execute(e *evaluator) outcome {
	e.here.line = s.line
	subject := e.eval(s.subject)
	switch v := subject.(type) {
	case unknown:
		e.giveUp("a loop over what is not known: " + v.reason)
	case *Object, *closure:
		e.giveUp("a loop over an object is not evaluated")
	}
	list, isArray := subject.(*Array)
	if !isArray {
		return outcome{}
	}
	list.shared = true // the loop goes over what was there when it began
	for element := range list.all() {
		e.budget.step(1)
		e.assign(s.value, share(element.value), e.at(s.line))
		if s.key != nil {
			e.assign(s.key, element.key, e.at(s.line))
		}
		if out, done := leave(e.runAll(s.body)); done {
			return out
		}
	}
	return outcome{}
}

func (s *switchStatement) execute(e *evaluator) outcome {
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
		out := e.runAll(c.body)
		if out.kind == continues && out.levels == 1 {
			return outcome{} // continue acts on a switch as break does
		}
		if result, done := leave(out); done {
			return result
		}
	}
	return outcome{}
}

// execute runs the body, then the catch that fits what it threw.
func (s *tryStatement) execute(e *evaluator) outcome {
	out, exception := e.guard(s.body)
	if exception == nil {
		return out
	}
	for _, c := range s.catches {
		if e.catches(c, exception) {
			if c.variable != "" {
				var caught Value = e.unknown("an exception of unknown class")
				if exception.object != nil {
					caught = exception.object
				}
				e.assign(&variable{name: c.variable}, caught, e.here)
			}
			return e.runAll(c.body)
		}
	}
	panic(exception)
}

// guard runs statements and returns the exception that ended them. Meanwhile a call of unknown effect may throw.
func (e *evaluator) guard(body []statement) (out outcome, exception *thrown) {
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
	e.tries++
	return e.runAll(body), nil
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
	"arithmeticerror":          "error", "parseerror": "compileerror", "compileerror": "error", "typeerror": "error", "valueerror": "error",
	"unhandledmatcherror": "error", "divisionbyzeroerror": "arithmeticerror", "argumentcounterror": "typeerror",
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
