package php

import "strings"

// variable is the value of a variable. An array is copied before it is written to from now on, as more than one may hold it.
func (x *variable) eval(e *evaluator) Value {
	e.here.line = x.line
	switch x.name {
	case "this", "GLOBALS", "_SERVER", "_SESSION":
		return e.unknown("$" + x.name + " is not known")
	}
	if v, isSuperglobal := e.superglobals[x.name]; isSuperglobal {
		return share(v)
	}
	return share(e.scope[x.name])
}

func (x *namedVariable) eval(e *evaluator) Value {
	name := e.eval(x.name)
	if u, isUnknown := name.(unknown); isUnknown {
		return u
	}
	return (&variable{e.text(name), x.line}).eval(e)
}

// share returns a value that more than one place holds from now on.
func share(v Value) Value {
	if a, isArray := v.(*Array); isArray {
		a.shared = true
	}
	return v
}

// quiet is how isset, empty and ?? read: what is not there is null, and nothing is thrown.
func (e *evaluator) quiet(x expression) Value {
	i, isIndexed := x.(*indexed)
	if !isIndexed {
		return e.eval(x)
	}
	e.descend()
	v := e.element(i, true)
	e.depth--
	return v
}

func (x *indexed) eval(e *evaluator) Value { return e.element(x, false) }

func (e *evaluator) element(x *indexed, quiet bool) Value {
	if x.key == nil {
		panic(&fatal{"[] is used for reading"})
	}
	if isServer(x.base) {
		return e.serverVariable(e.eval(x.key))
	}
	var base Value
	if quiet {
		base = e.quiet(x.base)
	} else {
		base = e.eval(x.base)
	}
	key := e.eval(x.key)
	e.here.line = x.line
	for _, v := range []Value{base, key} {
		if u, isUnknown := v.(unknown); isUnknown {
			if !quiet {
				e.mayThrow(u)
			}
			return u
		}
	}
	switch base := base.(type) {
	case *Array:
		k, valid := arrayKey(key)
		if found := base.find(k); valid && found != nil {
			return share(found.value)
		}
		if !valid && !quiet {
			e.throw("TypeError", "illegal offset type "+typeName(key))
		}
	case string:
		return e.byteOf(base, key, quiet)
	case *Object, *closure:
		e.throw("Error", "cannot use an object of type "+typeName(base)+" as an array")
	}
	return nil
}

// byteOf is $string[key] where the key is an integer.
func (e *evaluator) byteOf(s string, key Value, quiet bool) Value {
	if text, isString := key.(string); isString {
		if quiet && (text == "" || strings.IndexByte("0123456789+-."+space, text[0]) < 0) {
			return nil
		}
		key = stringKey(text)
	}
	offset, isInt := key.(int64)
	if !isInt {
		return e.mayThrow(e.unknown("an offset in a string that is not an integer"))
	}
	if offset < 0 {
		offset += int64(len(s))
	}
	switch {
	case offset >= 0 && offset < int64(len(s)):
		return s[offset : offset+1]
	case quiet:
		return nil
	}
	return ""
}

// serverVariables that PHP sets even without a request.
var serverVariables = wordSet("PHP_SELF SCRIPT_NAME SCRIPT_FILENAME PATH_TRANSLATED DOCUMENT_ROOT REQUEST_TIME REQUEST_TIME_FLOAT argv argc")

func isServer(x expression) bool {
	v, isVariable := x.(*variable)
	return isVariable && v.name == "_SERVER"
}

// serverVariable is $_SERVER[key]: what was assigned to it, else the environment.
func (e *evaluator) serverVariable(key Value) Value {
	if u, isUnknown := key.(unknown); isUnknown {
		return u
	}
	if found := e.server.find(e.key(key)); found != nil {
		return share(found.value)
	}
	name := e.text(key)
	if serverVariables[name] {
		return e.unknown("$_SERVER['" + name + "'] is not known")
	}
	if value, found := e.options.Getenv(name); found {
		return value
	}
	return nil
}

// place is where an assignment goes: a variable, or within the value of one. Working out a place evaluates its keys; a variable
// that is not there comes to be when it gets its value.
type place struct {
	variable string
	path     []step
}

// step leads from an array to an element.
type step struct {
	key      Value
	appended bool // []
	at       origin
}

func (e *evaluator) place(target expression) place {
	e.descend()
	defer func() { e.depth-- }()
	switch x := target.(type) {
	case *variable:
		e.here.line = x.line
		switch x.name {
		case "this", "GLOBALS", "_SERVER", "_SESSION":
			e.giveUp("an assignment to $" + x.name + " is not evaluated")
		}
		return place{variable: x.name}
	case *indexed:
		next := step{appended: x.key == nil, at: e.at(x.line)}
		if isServer(x.base) && x.key != nil {
			next.key = e.eval(x.key)
			if _, isUnknown := next.key.(unknown); isUnknown {
				e.giveUp("an element of $_SERVER of unknown name is assigned to")
			}
			if key := e.key(next.key); e.server.find(key) == nil {
				e.set(e.server, key, e.serverVariable(next.key), next.at)
			}
			return place{"_SERVER", []step{next}}
		}
		p := e.place(x.base)
		if x.key != nil {
			next.key = e.eval(x.key)
		}
		p.path = append(p.path, next)
		return p
	}
	e.giveUp("an assignment to something else than a variable or an element is not evaluated")
	return place{}
}

// update replaces the value at a place by what change makes of it.
func (e *evaluator) update(p place, change func(old Value) Value) {
	if p.variable == "_SERVER" {
		e.server = e.within(e.server, p.path, change).(*Array)
		return
	}
	to := e.scope
	if _, isSuperglobal := e.superglobals[p.variable]; isSuperglobal {
		to = e.superglobals
	}
	old, exists := to[p.variable]
	v := e.within(old, p.path, change)
	if !exists {
		e.budget.spend(indexCost + len(p.variable))
	}
	to[p.variable] = v
}

// within returns the container with the value at the end of the path replaced.
func (e *evaluator) within(container Value, path []step, change func(old Value) Value) Value {
	if len(path) == 0 {
		return change(container)
	}
	next := path[0]
	for _, v := range []Value{container, next.key} {
		if u, isUnknown := v.(unknown); isUnknown {
			return e.mayThrow(u)
		}
	}
	switch c := container.(type) {
	case nil:
		return e.withinArray(&Array{}, path, change)
	case *Array:
		if c.shared {
			e.budget.spend(c.cost() + elementCost)
			e.budget.step(c.Len() >> 4)
			c = c.clone()
		}
		return e.withinArray(c, path, change)
	case bool:
		if !c {
			return e.withinArray(&Array{}, path, change)
		}
	case string, *Object, *closure:
		e.giveUp("a byte of a string or an element of an object is assigned to")
	}
	e.throw("Error", "cannot use a scalar value as an array")
	return nil
}

func (e *evaluator) withinArray(a *Array, path []step, change func(old Value) Value) Value {
	next := path[0]
	if next.appended {
		v := e.within(nil, path[1:], change)
		e.appendTo(a, v, next.at)
		unshare(v, path)
		return e.settled(a)
	}
	key := e.key(next.key)
	var old Value
	at := next.at
	if found := a.find(key); found != nil {
		old = found.value
		if len(path) > 1 {
			at = found.at // a change deep inside leaves the key where it was written
		}
	}
	v := e.within(old, path[1:], change)
	e.set(a, key, v, at)
	unshare(v, path)
	return a
}

// unshare takes back the mark that storing set on an inner array, which nobody else can hold as it was just copied or made.
func unshare(v Value, path []step) {
	if inner, isArray := v.(*Array); isArray && len(path) > 1 {
		inner.shared = false
	}
}

// assign gives a target a value, or each of a list of targets an element of it.
func (e *evaluator) assign(target expression, v Value) {
	pattern, isPattern := target.(*arrayLiteral)
	if !isPattern {
		e.update(e.place(target), func(Value) Value { return v })
		return
	}
	from, isArray := v.(*Array)
	u, isUnknown := v.(unknown)
	if !isArray && !isUnknown {
		e.giveUp("what is no array is taken apart")
	}
	for i, item := range pattern.items {
		key, isLiteral := item.key.(*literal)
		switch {
		case item.value == nil:
			continue
		case item.key == nil:
			key = &literal{int64(i)}
		case !isLiteral || item.spread:
			e.giveUp("this list of targets is not evaluated")
		}
		var part Value = u
		if !isUnknown {
			part = nil
			if found := from.find(e.key(key.value)); found != nil {
				part = share(found.value)
			}
		}
		e.assign(item.value, part)
	}
}

func (x *assignment) eval(e *evaluator) Value {
	e.here.line = x.line
	if x.op == "??=" {
		return e.assignMissing(x)
	}
	if _, isPattern := x.target.(*arrayLiteral); isPattern && x.op == "=" {
		v := share(e.eval(x.value))
		e.assign(x.target, v)
		return v
	}
	p := e.place(x.target)
	var v, before Value
	if x.value != nil {
		v = e.eval(x.value)
	}
	e.here.line = x.line
	reached := false // what is assigned to within something unknown may be a byte of a string
	e.update(p, func(old Value) Value {
		reached, before = true, old
		switch x.op {
		case "=":
		case "++", "--":
			v = e.count(old, x.op)
		default:
			v = e.operate(x.op[:len(x.op)-1], old, v)
		}
		return share(v)
	})
	switch {
	case !reached:
		return e.unknown("it is assigned to within what is not known")
	case x.postfix:
		return before
	}
	return v
}

// assignMissing is ??=.
func (e *evaluator) assignMissing(x *assignment) Value {
	e.onlyOnce(x.target)
	old := e.quiet(x.target)
	if u, isUnknown := old.(unknown); isUnknown {
		if change(x.value) && e.choices.next(u.reason) {
			e.eval(x.value)
		}
		e.assign(x.target, u)
		return u
	}
	if old != nil {
		return old
	}
	v := e.eval(x.value)
	e.assign(x.target, share(v))
	return v
}

// onlyOnce gives up on a target that PHP evaluates once and that would be evaluated twice here, with another outcome.
func (e *evaluator) onlyOnce(target expression) {
	if change(target) {
		e.giveUp("a target that changes something by itself is not evaluated")
	}
}

// count is what ++ or -- makes of a value.
func (e *evaluator) count(v Value, op string) Value {
	switch n := v.(type) {
	case nil:
		if op == "++" {
			return int64(1)
		}
		return nil
	case bool:
		return n
	case int64, float64:
		return e.must(arithmetic(op[:1], n, int64(1)))
	case string:
		if number, isNumber := numeric(n); isNumber {
			return e.must(arithmetic(op[:1], number, int64(1)))
		}
		e.budget.spend(4*len(n) + 64)
		switch {
		case op == "++":
			return nextText(n)
		case n == "":
			return int64(-1)
		}
		return n
	case unknown:
		return e.mayThrow(n)
	}
	e.throw("TypeError", "cannot count with "+typeName(v))
	return nil
}

// nextText is ++ of a text that is no number: a letter or digit at its end becomes the next one, and the last of its kind the first, with
// a carry to the left.
func nextText(s string) string {
	if s == "" {
		return "1"
	}
	text := []byte(s)
	for i := len(text) - 1; i >= 0; i-- {
		kind := strings.IndexByte("zZ9", text[i])
		switch {
		case kind < 0 && !isNameStart(text[i]) && (text[i] < '0' || text[i] > '9') || text[i] == '_' || text[i] >= 0x80:
			return string(text)
		case kind < 0:
			text[i]++
			return string(text)
		}
		text[i] = "aA0"[kind]
		if i == 0 {
			return "aA1"[kind:kind+1] + string(text)
		}
	}
	return string(text)
}

func (e *evaluator) unset(target expression) {
	p := e.place(target)
	_, isSuperglobal := e.superglobals[p.variable]
	switch {
	case isSuperglobal || p.variable == "_SERVER":
		e.giveUp("what is unset of $" + p.variable + " is not evaluated")
	case len(p.path) == 0:
		delete(e.scope, p.variable)
	case e.scope[p.variable] != nil:
		e.scope[p.variable] = e.without(e.scope[p.variable], p.path)
	}
}

// without returns a container without the element at the end of a path.
func (e *evaluator) without(container Value, path []step) Value {
	u, isUnknown := path[0].key.(unknown)
	switch c := container.(type) {
	case unknown:
		return e.mayThrow(c)
	case nil:
		return nil
	case *Array:
		if isUnknown {
			return u
		}
		found := c.find(e.key(path[0].key))
		if found == nil || path[0].appended {
			return c
		}
		e.spendCopies(c)
		c = c.clone()
		if len(path) == 1 {
			c.remove(found.key)
		} else {
			c.set(found.key, e.without(found.value, path[1:]), found.at)
		}
		return c
	}
	e.giveUp("an element is unset of what has none")
	return nil
}
