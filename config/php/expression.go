package php

import (
	"math"
	"strings"
)

// eval returns the value of an expression.
func (e *evaluator) eval(x expression) Value {
	e.descend()
	v := e.node(x)
	e.depth--
	return v
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

func (e *evaluator) node(x expression) Value {
	switch x := x.(type) {
	case *literal:
		return x.value
	case *interpolation:
		return e.interpolation(x)
	case *arrayLiteral:
		return e.array(x)
	case *variable, *dynamicVariable, *indexed, *property, *staticProperty:
		return e.read(x, false)
	case *classConstant:
		return e.classConstant(x)
	case *constant:
		return e.constant(x)
	case *call:
		return e.call(x)
	case *foreignCall:
		return e.foreignCall(x)
	case *unary:
		return e.unary(x)
	case *binary:
		return e.binary(x)
	case *ternary:
		return e.ternary(x)
	case *assignment:
		return e.assignment(x)
	case *increment:
		return e.increment(x)
	case *cast:
		return e.cast(x)
	case *issetExpression:
		return e.isset(x)
	case *emptyExpression:
		v := e.quiet(x.operand)
		if u, isUnknown := v.(unknown); isUnknown {
			return u
		}
		return !toBool(v)
	case *include:
		return e.include(x)
	case *exitExpression:
		panic(&fatal{"exit"})
	case *throwExpression:
		e.throwValue(e.eval(x.operand))
	case *matchExpression:
		return e.match(x)
	case *functionExpression:
		return e.closure(x)
	case *beyond:
		for _, operand := range x.operands {
			e.eval(operand)
		}
		if len(e.classes) > 0 {
			e.giveUp(x.reason + " is not evaluated, and may use a class")
		}
		return e.unknown(x.reason + " is not evaluated")
	}
	panic(&givenUp{"an expression of a kind that is not evaluated"})
}

func (e *evaluator) throwValue(v Value) {
	if object, isObject := v.(*Object); isObject {
		panic(&thrown{object: object})
	}
	panic(&thrown{})
}

// array builds an array from a literal.
func (e *evaluator) array(x *arrayLiteral) Value {
	e.budget.spend(len(x.items) * elementCost)
	a := &Array{elements: make([]element, 0, len(x.items))}
	var doubt Value // why the array is not known; the other items are evaluated all the same
	for _, item := range x.items {
		if item.value == nil {
			panic(&fatal{"an array has an empty element"})
		}
		e.here.line = item.line
		switch {
		case item.byReference:
			e.forgetReference(item.value)
			doubt = e.unknown("references to elements are not known")
		case item.spread:
			if u, isUnknown := e.spread(a, e.eval(item.value)).(unknown); isUnknown {
				doubt = u
			}
		case item.key == nil:
			e.appendTo(a, e.eval(item.value), e.at(item.line))
		default:
			key := e.eval(item.key)
			v := e.eval(item.value)
			if u, isUnknown := key.(unknown); isUnknown {
				doubt = u
			} else {
				e.set(a, e.key(key), v, e.at(item.line))
			}
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
		if _, isObject := v.(*Object); isObject {
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
	if a.numbered && a.next < 0 && a.next > math.MinInt64 {
		e.giveUp("the key after a negative one depends on PHP's version") // from 8.3 on it is the next, before it is 0
	}
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
	switch v := v.(type) {
	case *Object, *closure:
		if isA(typeName(v), "throwable") {
			e.giveUp("the text of an exception is not evaluated")
		}
		e.throw("Error", "an object of class "+typeName(v)+" could not be converted to string")
	}
	return toString(v)
}

// concat joins values to one string.
func (e *evaluator) concat(values []Value) Value {
	parts := make([]string, len(values))
	size := 0
	for i, v := range values {
		if u, isUnknown := v.(unknown); isUnknown {
			return e.mayThrow(u)
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

func (e *evaluator) interpolation(x *interpolation) Value {
	values := make([]Value, len(x.parts))
	for i, part := range x.parts {
		values[i] = e.eval(part)
	}
	return e.concat(values)
}

func (e *evaluator) unary(x *unary) Value {
	v := e.eval(x.operand)
	u, isUnknown := v.(unknown)
	switch {
	case x.op == "print":
		return int64(1)
	case isUnknown:
		return e.mayThrow(u)
	}
	e.stepText(v)
	switch x.op {
	case "!":
		return !toBool(v)
	case "-":
		if _, isZero := v.(float64); isZero {
			return -v.(float64)
		}
		return e.must(arithmetic("*", v, int64(-1)))
	case "+":
		return e.must(arithmetic("*", v, int64(1)))
	case "~":
		switch v := v.(type) {
		case int64:
			return ^v
		case float64:
			return ^floatToInt(v)
		}
		return e.unknown("~ of a " + typeName(v))
	}
	return v // @
}

func (e *evaluator) binary(x *binary) Value {
	switch x.op {
	case ".":
		return e.concat(e.operandsOf(x))
	case "&&", "and", "||", "or":
		return e.logical(x)
	case "??":
		v := e.quiet(x.left)
		if u, isUnknown := v.(unknown); isUnknown {
			return e.either(u, x.right)
		}
		if v != nil {
			return v
		}
		return e.eval(x.right)
	case "instanceof":
		return e.instanceof(x)
	}
	if _, isVariable := x.left.(*variable); isVariable {
		right := e.eval(x.right) // PHP looks at a variable when it computes, and by then the other side may have changed it
		return e.operate(x.op, e.eval(x.left), right)
	}
	left := e.eval(x.left)
	return e.operate(x.op, left, e.eval(x.right))
}

// operandsOf evaluates a . b . c from the left, however long the chain is.
func (e *evaluator) operandsOf(x *binary) []Value {
	chain := []expression{x.right}
	left := x.left
	for {
		b, isBinary := left.(*binary)
		if !isBinary || b.op != "." {
			break
		}
		chain = append(chain, b.right)
		left = b.left
	}
	e.budget.spend(len(chain) * 64)
	values := []Value{nil}
	_, isVariable := left.(*variable)
	if !isVariable {
		values[0] = e.eval(left)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		values = append(values, e.eval(chain[i]))
		if isVariable && len(values) == 2 {
			values[0] = e.eval(left) // as in binary
		}
	}
	return values
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
	case "+", "-", "*", "/", "%", "**":
		if _, isArray := left.(*Array); isArray && op == "+" {
			e.spendCopies(left, right)
		}
		return e.must(arithmetic(op, left, right))
	case "&", "|", "^", "<<", ">>":
		e.spendCopies(left, right)
		return e.must(bitwise(op, left, right))
	case "xor":
		return toBool(left) != toBool(right)
	}
	return e.compareWith(op, left, right)
}

// spendCopies accounts for a result that may hold all of both operands.
func (e *evaluator) spendCopies(operands ...Value) {
	for _, v := range operands {
		switch v := v.(type) {
		case *Array:
			e.budget.spend(v.Len() * (elementCost + indexCost))
		case string:
			e.budget.spend(len(v))
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
	if comparesObjects(left, right) {
		return e.unknown("a comparison with an object")
	}
	c := compare(left, right)
	switch op {
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
	}
	return int64(min(c, 1))
}

// comparesObjects says whether a comparison has to look into an object and at something else than null or a bool.
func comparesObjects(left, right Value) bool {
	return isObject(left) && !isBoolOrNull(right) || isObject(right) && !isBoolOrNull(left)
}

func isObject(v Value) bool {
	switch v.(type) {
	case *Object, *closure:
		return true
	}
	return false
}

// stepOver accounts for looking at all of a value. It has to come before anything that does: it gives up on an object that
// contains itself, and on arrays that contain the same ones so often that they would have no end.
func (e *evaluator) stepOver(v Value) { e.stepInto(v, 0) }

// stepText accounts for reading a text, which may be long, as a number: that takes far longer than looking at it.
func (e *evaluator) stepText(v Value) {
	if s, isString := v.(string); isString {
		e.budget.step(len(s) >> 2)
	}
}

func (e *evaluator) stepInto(v Value, depth int) {
	if depth > 2*maxNesting {
		e.exceed("a value is nested too deeply")
	}
	switch v := v.(type) {
	case string:
		e.budget.step(len(v) >> 8)
	case *Object:
		e.stepInto(v.Properties, depth+1)
	case *Array:
		e.budget.step(v.Len() + 1)
		for element := range v.all() {
			e.stepInto(element.value, depth+1)
		}
	}
}

func (e *evaluator) logical(x *binary) Value {
	decisive := x.op == "||" || x.op == "or" // the value of the left side that makes the right one needless
	left := e.eval(x.left)
	if u, isUnknown := left.(unknown); isUnknown {
		if e.pure(x.right) {
			return e.mayThrow(u)
		}
		left = e.truth(u)
	}
	if toBool(left) == decisive {
		return decisive
	}
	right := e.eval(x.right)
	if u, isUnknown := right.(unknown); isUnknown {
		return u
	}
	return toBool(right)
}

// either is what an expression gives that is unknown u or, in another case, what alternatives give.
func (e *evaluator) either(u unknown, alternatives ...expression) Value {
	for _, x := range alternatives {
		if x != nil && !e.pure(x) {
			if chosen := e.choices.next(u.reason); !chosen {
				continue
			}
			e.eval(x)
		}
	}
	return e.mayThrow(u)
}

func (e *evaluator) ternary(x *ternary) Value {
	condition := e.eval(x.condition)
	if u, isUnknown := condition.(unknown); isUnknown {
		if x.then == nil {
			return e.either(u, x.otherwise)
		}
		if e.pure(x.then) && e.pure(x.otherwise) {
			return e.mayThrow(u)
		}
	}
	if e.truth(condition) {
		if x.then == nil {
			return condition
		}
		return e.eval(x.then)
	}
	return e.eval(x.otherwise)
}

func (e *evaluator) instanceof(x *binary) Value {
	v := e.eval(x.left)
	class, isName := x.right.(*literal)
	switch v := v.(type) {
	case unknown:
		return v
	case *Object:
		if isName {
			return isA(v.Class, e.lower(class.value.(string)))
		}
	case *closure:
		return isName && strings.EqualFold(class.value.(string), "Closure")
	}
	if !isName {
		return e.unknown("instanceof of a computed class")
	}
	return false
}

func (e *evaluator) cast(x *cast) Value {
	v := e.eval(x.operand)
	if u, isUnknown := v.(unknown); isUnknown {
		return u
	}
	e.here.line = x.line
	e.stepText(v)
	switch x.to {
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
	}
	return e.object(v)
}

// object follows (object).
func (e *evaluator) object(v Value) Value {
	if isObject(v) {
		return v
	}
	e.budget.spend(objectCost)
	switch v := v.(type) {
	case nil:
		return &Object{Class: "stdClass", Properties: &Array{}}
	case *Array:
		e.spendCopies(v)
		return &Object{Class: "stdClass", Properties: v.clone()}
	}
	o := &Object{Class: "stdClass", Properties: &Array{}}
	o.Properties.set("scalar", v, e.here)
	return o
}

func (e *evaluator) isset(x *issetExpression) Value {
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

func (e *evaluator) match(x *matchExpression) Value {
	subject := e.eval(x.subject)
	var otherwise *matchArm
	for i := range x.arms {
		arm := &x.arms[i]
		if len(arm.conditions) == 0 {
			otherwise = arm
		}
		for _, condition := range arm.conditions {
			if e.truth(e.compareWith("===", subject, e.eval(condition))) {
				return e.eval(arm.result)
			}
		}
	}
	if otherwise == nil {
		e.throw("UnhandledMatchError", "no arm of match fits")
	}
	return e.eval(otherwise.result)
}
