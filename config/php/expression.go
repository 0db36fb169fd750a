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
		e.on(item.line)
		var key Value
		if item.key != nil {
			key = e.eval(item.key)
		}
		v := e.eval(item.value)
		e.on(item.line)
		if item.spread {
			key = e.spread(a, v)
		}
		_, isUnknown := key.(unknown)
		switch {
		case isUnknown:
			doubt = key
		case item.spread:
		case item.key == nil:
			e.put(a, nil, v, e.here)
		default:
			e.put(a, e.key(key), v, e.here)
		}
	}
	if doubt != nil {
		return doubt
	}
	return a
}

// spread appends the elements of a value to an array, those with string keys under their keys. It returns why it cannot, or nil.
func (e *evaluator) spread(a *Array, v Value) Value {
	from, isArray := v.(*Array)
	u, isUnknown := v.(unknown)
	switch {
	case isUnknown:
		return e.mayThrow(u)
	case isObject(v):
		return e.unknown("an object is spread")
	case !isArray:
		e.throw("Error", "only arrays can be unpacked")
	}
	for element := range from.all() {
		e.put(a, element.name(), element.value, element.at)
	}
	return nil
}

// put stores an element, under the next free index if the key is nil, and accounts for it.
func (e *evaluator) put(a *Array, key any, v Value, at origin) {
	e.budget.spend(elementCost)
	if key == nil {
		if !a.append(v, at) {
			e.throw("Error", "the array has no free index left")
		}
	} else {
		e.budget.spend(indexCost)
		a.set(key, v, at)
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
	return Text(v)
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

func (x *unary) eval(e *evaluator) Value {
	asks := x.op == "isset" || x.op == "empty"
	read := e.eval
	if asks {
		read = e.quiet
	}
	v := read(x.operand)
	switch x.op {
	case "exit":
		panic(&fatal{"exit"})
	case "throw":
		object, _ := v.(*Object)
		if e.prelude != "" {
			e.throw(object.Class, e.prelude+"() got an argument that is not allowed")
		}
		panic(&thrown{object: object})
	}
	if u, isUnknown := v.(unknown); isUnknown {
		if asks {
			return u
		}
		return e.mayThrow(u)
	}
	e.stepText(v)
	switch x.op {
	case "isset":
		return v != nil
	case "!", "empty":
		return !Bool(v)
	case "-":
		return e.arithmetic("*", v, int64(-1))
	case "+":
		return e.arithmetic("*", v, int64(1))
	case "~":
		if n, isInt := v.(int64); isInt {
			return ^n
		}
		return e.mayThrow(e.unknown("~ of a " + typeName(v)))
	case "int":
		return Int(v)
	case "bool":
		return Bool(v)
	case "float":
		return Float(v)
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
	e.spendCopies(v)
	properties := &Array{}
	if a, isArray := v.(*Array); isArray {
		properties = a.clone()
	} else if v != nil {
		properties.set("scalar", v, e.here)
	}
	return &Object{Class: "stdClass", Properties: properties}
}

// eval computes from the left, however long the chain is. PHP looks at a variable when it computes, and by then the other side may
// have changed it.
func (x *chain) eval(e *evaluator) Value {
	if decides(x.links[0].op) {
		return x.decide(e)
	}
	_, isVariable := x.first.(*variable)
	var left Value
	if !isVariable {
		left = e.eval(x.first)
	}
	var parts []Value // of a concatenation, which is joined at the end
	if x.links[0].op == "." {
		e.budget.spend(len(x.links) * 32)
		parts = make([]Value, 1, len(x.links)+1)
	}
	for i, l := range x.links {
		right := e.eval(l.operand)
		if i == 0 && isVariable {
			left = e.eval(x.first)
		}
		if parts != nil {
			parts = append(parts, right)
			continue
		}
		left = e.operate(l.op, left, right)
	}
	if parts != nil {
		parts[0] = left
		return e.concat(parts)
	}
	return left
}

// decide evaluates a chain of ??, && or || up to the operand that decides it.
func (x *chain) decide(e *evaluator) Value {
	op := x.links[0].op
	coalesces, decisive := op == "??", op == "||" || op == "or"
	read := e.eval
	if coalesces {
		read = e.quiet
	}
	v := read(x.first)
	for i, l := range x.links {
		u, isUnknown := v.(unknown)
		switch {
		case isUnknown && !l.unsafe:
			v = e.mayThrow(u)
			continue
		case isUnknown && coalesces && !e.choices.next(u.reason):
			return e.mayThrow(u)
		case isUnknown && coalesces:
			v = nil
		case isUnknown:
			v = e.truth(u)
		}
		if coalesces && v != nil || !coalesces && Bool(v) == decisive {
			break
		}
		if i == len(x.links)-1 {
			read = e.eval
		}
		v = read(l.operand)
	}
	if _, isUnknown := v.(unknown); isUnknown || coalesces {
		return v
	}
	return Bool(v)
}

// operate applies an operator to two values.
func (e *evaluator) operate(op string, left, right Value) Value {
	if u, found := firstUnknown(left, right); found {
		return e.mayThrow(u)
	}
	switch op {
	case ".":
		return e.concat([]Value{left, right})
	case "xor":
		return Bool(left) != Bool(right)
	}
	e.stepText(left, right)
	if level := binds[op]; level == binds["=="] || level == binds["<"] {
		return e.compareWith(op, left, right)
	}
	e.spendCopies(left, right)
	if op == "**" {
		e.budget.spend(powerCost)
	}
	return e.arithmetic(op, left, right)
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
	for _, v := range []Value{left, right} {
		e.stepOver(v)
		if u, found := findUnknown(v); found && !isObject(v) {
			return u
		}
	}
	if op == "===" || op == "!==" {
		return identical(left, right) == (op == "===")
	}
	if e.holdsObject(left) && !isBoolOrNull(right) || e.holdsObject(right) && !isBoolOrNull(left) {
		return e.mayThrow(e.unknown("a comparison with an object"))
	}
	if op[0] == '>' {
		left, right, op = right, left, strings.Replace(op, ">", "<", 1)
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

// stepText accounts for reading texts, which may be long, as numbers: that takes far longer than looking at them.
func (e *evaluator) stepText(values ...Value) {
	for _, v := range values {
		if s, isString := v.(string); isString {
			e.budget.look(len(s))
		}
	}
}

// stepOver accounts for looking at all of a value. It has to come before anything that does: it gives up on an object that
// contains itself, and on arrays that contain the same ones so often that they would have no end.
func (e *evaluator) stepOver(v Value) { e.stepInto(v, 0) }

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
	e.on(x.line)
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
	if !filepath.IsAbs(name) && !strings.HasPrefix(name, ".") {
		name = filepath.Join(filepath.Dir(e.sources.at(e.here).path), name)
	}
	path, u, known := e.local(name)
	if !known {
		e.giveUp(u.reason)
	}
	_, err := stat(e.budget, path)
	if errors.Is(err, context.DeadlineExceeded) {
		e.giveUp("the file " + path + " cannot be looked at: " + err.Error())
	}
	return path, err == nil
}
