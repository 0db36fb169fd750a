package php

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// eval returns the value of an expression.
func (e *evaluator) eval(x expression) Value {
	e.descend()
	v := x.eval(e)
	e.depth--
	return e.settled(v)
}

// descend accounts for one evaluation within another. Whoever calls it takes one from depth when it returns; what ends early
// by a panic has its depth restored where that is recovered.
func (e *evaluator) descend() {
	e.budget.step(1)
	e.depth++
	if e.depth > maxDepth {
		e.exceed("it is nested too deeply")
	}
}

// settled makes unknown an array of which a key depends on PHP's version.
func (e *evaluator) settled(v Value) Value {
	if a, isArray := v.(*Array); isArray && a.unclear {
		return e.unknown("the key after a negative one depends on PHP's version")
	}
	return v
}

func (x *literal) eval(*evaluator) Value { return x.value }

func (*exitExpression) eval(*evaluator) Value { panic(&fatal{"exit"}) }

func (x *throwExpression) eval(e *evaluator) Value {
	object, _ := e.eval(x.operand).(*Object)
	panic(&thrown{object: object})
}

// eval builds an array. If something in it is not known that others depend on, they are evaluated all the same.
func (x *arrayLiteral) eval(e *evaluator) Value {
	e.budget.spend(len(x.items) * elementCost)
	a := &Array{elements: make([]element, 0, len(x.items))}
	if x.constant != nil {
		e.spendCopies(x.constant)
		a = x.constant.clone()
	}
	var doubt Value // why the array is not known
	for _, item := range x.items {
		if item.value == nil {
			panic(&fatal{"an array has an empty element"})
		}
		e.here.line = item.line
		var key Value
		if item.key != nil {
			key = e.eval(item.key)
		}
		v := e.eval(item.value)
		u, isUnknown := key.(unknown)
		switch {
		case item.spread:
			if u, isUnknown = e.spread(a, v).(unknown); isUnknown {
				doubt = u
			}
		case isUnknown:
			doubt = u
		case item.key == nil:
			e.appendTo(a, v, e.at(item.line))
		default:
			e.set(a, e.key(key), v, e.at(item.line))
		}
	}
	if doubt != nil {
		return doubt
	}
	return a
}

// spread appends the elements of a value to an array, those with string keys under their keys.
func (e *evaluator) spread(a *Array, v Value) Value {
	from, isArray := v.(*Array)
	if !isArray {
		if u, isUnknown := v.(unknown); isUnknown {
			return e.mayThrow(u)
		}
		if isObject(v) {
			return e.unknown("an object is spread")
		}
		e.throw("Error", "only arrays can be unpacked")
	}
	for element := range from.all() {
		if key, isString := element.key.(string); isString {
			e.set(a, key, element.value, element.at)
		} else {
			e.appendTo(a, element.value, element.at)
		}
	}
	return nil
}

// set stores an element and accounts for it.
func (e *evaluator) set(a *Array, key any, v Value, at origin) {
	e.budget.spend(elementCost + indexCost)
	a.set(key, v, at)
	e.checkNesting(a)
}

func (e *evaluator) appendTo(a *Array, v Value, at origin) {
	e.budget.spend(elementCost)
	if !a.append(v, at) {
		e.throw("Error", "the array has no free index left")
	}
	e.checkNesting(a)
}

func (e *evaluator) checkNesting(a *Array) {
	if a.depth > maxNesting {
		e.exceed("arrays are nested too deeply")
	}
}

// key turns a value into an array key as PHP does, and throws where it cannot.
func (e *evaluator) key(v Value) any {
	key, valid := arrayKey(v)
	if !valid {
		e.throw("TypeError", "illegal offset type "+typeName(v))
	}
	return key
}

// text turns a value into a string as PHP does. An object has none here.
func (e *evaluator) text(v Value) string {
	if isObject(v) {
		if e.isThrowable(typeName(v)) {
			e.giveUp("the text of an exception is not evaluated")
		}
		e.throw("Error", "an object of class "+typeName(v)+" could not be converted to string")
	}
	return toString(v)
}

// concat joins values to one string.
func (e *evaluator) concat(values []Value) Value {
	e.budget.spend(len(values) * 16)
	parts := make([]string, len(values))
	size := 0
	for i, v := range values {
		if u, isUnknown := v.(unknown); isUnknown {
			return e.mayThrow(u)
		}
		if isObject(v) && e.isThrowable(typeName(v)) {
			return e.unknown("the text of an exception is not evaluated")
		}
		parts[i] = e.text(v)
		size += len(parts[i])
	}
	return e.sized(size, func() string { return strings.Join(parts, "") })
}

// sized makes a string of a known size, unless it is too large.
func (e *evaluator) sized(size int, build func() string) Value {
	if size < 0 || size > maxStringSize {
		return e.unknown("a string of more than 2 MiB")
	}
	e.budget.spend(size)
	e.budget.step(size >> 8)
	return build()
}

func (x *interpolation) eval(e *evaluator) Value {
	e.budget.spend(len(x.parts) * 16)
	values := make([]Value, len(x.parts))
	for i, part := range x.parts {
		values[i] = e.eval(part)
	}
	return e.concat(values)
}

func (x *unary) eval(e *evaluator) Value {
	v := e.eval(x.operand)
	if u, isUnknown := v.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	e.stepText(v)
	switch x.op {
	case "!":
		return !toBool(v)
	case "-":
		if f, isFloat := v.(float64); isFloat {
			return -f
		}
		return e.must(arithmetic("*", v, int64(-1)))
	case "+":
		return e.must(arithmetic("*", v, int64(1)))
	case "~":
		if n, isInt := v.(int64); isInt {
			return ^n
		}
		return e.mayThrow(e.unknown("~ of a " + typeName(v)))
	case "int":
		return toInt(v)
	case "bool":
		return toBool(v)
	case "float":
		return toFloat(v)
	case "string":
		return e.text(v)
	case "array":
		e.spendCopies(v)
		return toArray(v, e.here)
	case "object":
		return e.object(v)
	}
	return v // @
}

// object follows (object).
func (e *evaluator) object(v Value) Value {
	if isObject(v) {
		return v
	}
	e.budget.spend(objectCost)
	properties := &Array{}
	switch v := v.(type) {
	case nil:
	case *Array:
		e.spendCopies(v)
		properties = v.clone()
	default:
		properties.set("scalar", v, e.here)
	}
	return &Object{Class: "stdClass", Properties: properties}
}

// eval computes from the left, however long the chain is. PHP looks at a variable when it computes, and by then the other side may
// have changed it.
func (x *chain) eval(e *evaluator) Value {
	_, isVariable := x.first.(*variable)
	decides := decides(x.links[0].op)
	var left Value
	if decides || !isVariable {
		left = e.eval(x.first)
	}
	var parts []Value // of a concatenation, which is joined at the end
	for i, l := range x.links {
		if decides {
			left = e.logical(left, l)
			continue
		}
		right := e.eval(l.operand)
		if i == 0 && isVariable {
			left = e.eval(x.first)
		}
		if l.op == "." {
			e.budget.spend(32)
			parts = append(parts, right)
			continue
		}
		left = e.operate(l.op, left, right)
	}
	if parts != nil {
		return e.concat(append([]Value{left}, parts...))
	}
	return left
}

// logical is one link of a chain of && or ||.
func (e *evaluator) logical(left Value, l link) Value {
	decisive := l.op == "||" || l.op == "or" // the value of the left side that makes the right one needless
	if u, isUnknown := left.(unknown); isUnknown {
		if !l.unsafe {
			return e.mayThrow(u)
		}
		left = e.truth(u)
	}
	if toBool(left) == decisive {
		return decisive
	}
	right := e.eval(l.operand)
	if u, isUnknown := right.(unknown); isUnknown {
		return u
	}
	return toBool(right)
}

// operate applies an operator to two values.
func (e *evaluator) operate(op string, left, right Value) Value {
	for _, v := range []Value{left, right} {
		if u, isUnknown := v.(unknown); isUnknown {
			return e.mayThrow(u)
		}
	}
	if op == "." {
		return e.concat([]Value{left, right})
	}
	e.stepText(left)
	e.stepText(right)
	switch op {
	case "+", "&", "|", "^":
		e.spendCopies(left, right)
	case "-", "*", "/", "%", "<<", ">>":
	case "**":
		e.budget.spend(powerCost)
	case "xor":
		return toBool(left) != toBool(right)
	default:
		return e.compareWith(op, left, right)
	}
	return e.must(arithmetic(op, left, right))
}

// spendCopies accounts for a result that may hold all of its operands.
func (e *evaluator) spendCopies(operands ...Value) {
	for _, v := range operands {
		switch v := v.(type) {
		case *Array:
			e.budget.spend(v.Len() * (elementCost + indexCost))
		case string:
			e.budget.spend(2 * len(v))
		}
	}
}

// compareWith applies a comparison. The result is a bool, an int64 for <=>, or unknown.
func (e *evaluator) compareWith(op string, left, right Value) Value {
	e.stepOver(left)
	e.stepOver(right)
	for _, v := range []Value{left, right} {
		if u, found := findUnknown(v); found && !isObject(v) {
			return u
		}
	}
	switch op {
	case "===":
		return identical(left, right)
	case "!==":
		return !identical(left, right)
	}
	if e.holdsObject(left) && !isBoolOrNull(right) || e.holdsObject(right) && !isBoolOrNull(left) {
		return e.mayThrow(e.unknown("a comparison with an object"))
	}
	switch c := compare(left, right); op {
	case "==":
		return c == 0
	case "!=", "<>":
		return c != 0
	case "<":
		return c == -1
	case "<=":
		return c == -1 || c == 0
	case ">":
		return compare(right, left) == -1
	case ">=":
		c = compare(right, left)
		return c == -1 || c == 0
	default:
		return int64(min(c, 1))
	}
}

func isObject(v Value) bool {
	switch v.(type) {
	case *Object, *closure:
		return true
	}
	return false
}

// holdsObject says whether a value is an object or may have one in it.
func (e *evaluator) holdsObject(v Value) bool {
	a, isArray := v.(*Array)
	return isObject(v) || isArray && a.opaque
}

// stepOver accounts for looking at all of a value. It has to come before anything that does: it gives up on an object that
// contains itself, and on arrays that contain the same ones so often that they would have no end.
func (e *evaluator) stepOver(v Value) { e.stepInto(v, 0) }

// stepText accounts for reading a text, which may be long, as a number: that takes far longer than looking at it.
func (e *evaluator) stepText(v Value) {
	if s, isString := v.(string); isString {
		e.budget.look(len(s))
	}
}

func (e *evaluator) stepInto(v Value, depth int) {
	if depth > 2*maxNesting {
		e.exceed("a value is nested too deeply")
	}
	switch v := v.(type) {
	case string:
		e.budget.look(len(v) >> 8)
	case *Object:
		e.stepInto(v.Properties, depth+1)
	case *Array:
		e.budget.look(v.Len() + 1)
		for element := range v.all() {
			e.stepInto(element.value, depth+1)
		}
	}
}

func (x *coalesce) eval(e *evaluator) Value {
	v := e.quiet(x.left)
	if u, isUnknown := v.(unknown); isUnknown {
		if x.unsafe && e.choices.next(u.reason) {
			return e.eval(x.right)
		}
		return e.mayThrow(u)
	}
	if v != nil {
		return v
	}
	return e.eval(x.right)
}

func (x *ternary) eval(e *evaluator) Value {
	condition := e.eval(x.condition)
	if u, isUnknown := condition.(unknown); isUnknown && !x.unsafe {
		return e.mayThrow(u)
	}
	switch {
	case !e.truth(condition):
		return e.eval(x.otherwise)
	case x.then == nil:
		return condition
	}
	return e.eval(x.then)
}

func (x *issetExpression) eval(e *evaluator) Value {
	for _, operand := range x.operands {
		v := e.quiet(operand)
		if u, isUnknown := v.(unknown); isUnknown {
			return u
		}
		if v == nil {
			return false
		}
	}
	return true
}

func (x *emptyExpression) eval(e *evaluator) Value {
	v := e.quiet(x.operand)
	if u, isUnknown := v.(unknown); isUnknown {
		return u
	}
	return !toBool(v)
}

func (x *matchExpression) eval(e *evaluator) Value {
	subject := e.eval(x.subject)
	var otherwise *matchArm
	for i := range x.arms {
		arm := &x.arms[i]
		if len(arm.conditions) == 0 {
			otherwise = arm
		}
		for _, condition := range arm.conditions {
			fits := e.compareWith("===", subject, e.eval(condition))
			if u, isUnknown := fits.(unknown); isUnknown && !x.unsafe {
				return e.mayThrow(u)
			}
			if e.truth(fits) {
				return e.eval(arm.result)
			}
		}
	}
	if otherwise == nil {
		e.throw("UnhandledMatchError", "no arm of match fits")
	}
	return e.eval(otherwise.result)
}

// eval runs another file, in the scope of this one.
func (x *include) eval(e *evaluator) Value {
	name := e.eval(x.path)
	e.here.line = x.line
	if u, isUnknown := name.(unknown); isUnknown {
		e.giveUp("a file of unknown name is included: " + u.reason)
	}
	path, exists := e.includePath(e.text(name))
	if !exists {
		if x.required {
			panic(&fatal{"the required file " + path + " does not exist"})
		}
		e.warn("there is no file " + path + " to include")
		e.missing = append(e.missing, e.warnings[len(e.warnings)-1])
		return false
	}
	e.budget.spend(lookCost)
	resolved := realPath(path, e.budget)
	if x.once && e.included[resolved] {
		return true
	}
	e.included[resolved] = true
	e.includes++
	if e.includes > maxIncludes {
		e.exceed(fmt.Sprintf("more than %d files include each other", maxIncludes))
	}
	f := e.sources.load(path)
	e.budget.spend(f.size)
	switch {
	case f.problem != nil && f.problem.Line > 0:
		e.throw("ParseError", f.problem.Message)
	case f.problem != nil:
		e.exceed("the included file " + path + " " + f.problem.Message)
	case f.beyond != nil:
		e.giveUp("the included file " + path + " is not evaluated: " + f.beyond.Message)
	}
	v := e.runScript(f)
	e.includes--
	return v
}

// includePath finds an included file, relative names in the folder of the file that includes it.
func (e *evaluator) includePath(name string) (path string, exists bool) {
	path = name
	if !filepath.IsAbs(name) && !strings.HasPrefix(name, ".") {
		path = filepath.Join(e.sources.folder(e.here), name)
	}
	path, u, known := e.local(path)
	if !known {
		e.giveUp(u.reason)
	}
	_, err := stat(e.budget, path)
	if errors.Is(err, context.DeadlineExceeded) {
		e.giveUp("the file " + path + " cannot be looked at: " + err.Error())
	}
	return path, err == nil
}
