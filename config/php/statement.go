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
	kind  flow
	value Value // that is returned
}

// runAll executes statements up to the first that does not proceed to the next.
func (e *evaluator) runAll(statements []statement) outcome {
	for _, s := range statements {
		e.budget.step(1)
		e.on(s.line)
		if out := s.execute(e); out.kind != proceeds {
			return out
		}
	}
	return outcome{}
}

func (s *block) execute(e *evaluator) outcome { return e.runAll(s.statements) }

func (s *expressionStatement) execute(e *evaluator) outcome {
	e.evalAll(s.list)
	return outcome{}
}

func (s *jump) execute(e *evaluator) outcome {
	out := outcome{kind: s.kind}
	if s.value != nil {
		out.value = e.eval(s.value)
	}
	return out
}

func (s *functionDeclaration) execute(e *evaluator) outcome {
	if e.functions[e.lower(s.function.name)] != s.function {
		e.declareFunction(s.function)
	}
	return outcome{}
}

func (s *unsetStatement) execute(e *evaluator) outcome {
	for _, target := range s.targets {
		e.unset(target)
	}
	return outcome{}
}

func (s *ifStatement) execute(e *evaluator) outcome {
	for _, branch := range s.branches {
		if e.truth(e.eval(branch.condition)) {
			return e.runAll(branch.body)
		}
	}
	return e.runAll(s.otherwise)
}

func (s *loop) execute(e *evaluator) outcome {
	e.evalAll(s.before)
	for first := true; ; first = false {
		e.budget.step(1)
		if check := len(s.conditions) > 0 && !(first && s.late); check && !e.truth(e.evalAll(s.conditions)) {
			return outcome{}
		}
		if out := e.runAll(s.body); out.kind == breaks || out.kind == returns {
			return out.afterLoop()
		}
		e.evalAll(s.after)
	}
}

// afterLoop is how a loop ends that its body left.
func (o outcome) afterLoop() outcome {
	if o.kind == returns {
		return o
	}
	return outcome{}
}

// evalAll returns the value of the last expression.
func (e *evaluator) evalAll(list []expression) (last Value) {
	for _, x := range list {
		last = e.eval(x)
	}
	return last
}

func (s *foreach) execute(e *evaluator) outcome {
	subject := e.eval(s.subject)
	u, isUnknown := subject.(unknown)
	switch {
	case isUnknown:
		e.giveUp("a loop over what is not known: " + u.reason)
	case isObject(subject):
		e.giveUp("a loop over an object is not evaluated")
	}
	list, isArray := subject.(*Array)
	if !isArray {
		return outcome{}
	}
	list.shared = true // the loop goes over what was there when it began
	for element := range list.all() {
		e.budget.step(1)
		if e.prelude != "" {
			e.here = element.at // where it stays that PHP's own functions put it
		}
		e.assign(s.value, share(element.value))
		if s.key != nil {
			e.assign(s.key, element.key)
		}
		if out := e.runAll(s.body); out.kind == breaks || out.kind == returns {
			return out.afterLoop()
		}
	}
	return outcome{}
}

func (s *switchStatement) execute(e *evaluator) outcome {
	subject := e.eval(s.subject)
	start := slices.IndexFunc(s.cases, func(c branch) bool {
		return c.condition != nil && e.truth(e.compareWith("==", subject, e.eval(c.condition)))
	})
	if start < 0 {
		start = slices.IndexFunc(s.cases, func(c branch) bool { return c.condition == nil })
	}
	if start < 0 {
		return outcome{}
	}
	for _, c := range s.cases[start:] {
		if out := e.runAll(c.body); out.kind != proceeds {
			return out.afterLoop() // continue acts on a switch as break does
		}
	}
	return outcome{}
}

// execute runs the body, then the catch if it takes what that threw.
func (s *tryStatement) execute(e *evaluator) outcome {
	out, exception := e.guard(s.body)
	switch {
	case exception == nil:
		return out
	case !e.catches(s, exception):
		panic(exception)
	case s.variable != "":
		var caught Value = e.unknown("an exception of unknown class")
		if exception.object != nil {
			caught = exception.object
		}
		e.assign(&variable{name: s.variable}, caught)
	}
	return e.runAll(s.caught)
}

// guard runs statements and returns the exception that ended them. Meanwhile a call of unknown effect may throw.
func (e *evaluator) guard(body []statement) (out outcome, exception *thrown) {
	before := e.walk
	e.tries++
	if e.tries > maxTries {
		e.exceed("too many try blocks within each other")
	}
	defer func() {
		e.tries = before.tries
		if r := recover(); r != nil {
			t, isThrown := r.(*thrown)
			if !isThrown {
				panic(r)
			}
			e.walk = before
			exception = t
		}
	}()
	return e.runAll(body), nil
}

// catches says whether a catch takes an exception. Of the classes in between only those are told apart that a configuration names: which
// class is the child of which other one is not known.
func (e *evaluator) catches(s *tryStatement, exception *thrown) bool {
	if slices.Contains(s.classes, "throwable") {
		return true
	}
	if exception.object == nil {
		return e.choices.next("an exception of unknown class")
	}
	class := e.lower(exception.object.Class)
	family := "exception"
	if strings.HasSuffix(class, "error") {
		family = "error"
	}
	if slices.Contains(s.classes, class) || slices.Contains(s.classes, family) {
		return true
	}
	possible := slices.ContainsFunc(s.classes, func(c string) bool { return c != "error" && c != "exception" && strings.HasSuffix(c, family) })
	return possible && e.choices.next("what class an exception belongs to is not known")
}

// isThrowable says whether a class is one of PHP's own exceptions, which have no constructor of their own.
func (e *evaluator) isThrowable(class string) bool { return throwable[e.lower(class)] }

var throwable = wordSet(`exception error jsonexception logicexception runtimeexception badfunctioncallexception domainexception
	invalidargumentexception lengthexception outofrangeexception outofboundsexception overflowexception rangeexception underflowexception
	unexpectedvalueexception arithmeticerror assertionerror parseerror typeerror valueerror unhandledmatcherror divisionbyzeroerror
	argumentcounterror`)
