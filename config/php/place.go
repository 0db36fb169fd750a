package php

import "strings"

// eval gives the value of a variable. An array is copied before it is written to from now on, as more than one may hold it.
func (x *variable) eval(e *evaluator) Value {
	e.on(x.line)
	if special[x.name] {
		return e.unknown("$" + x.name + " is not known")
	}
	return share(e.holder(x.name)[x.name])
}

func (x *namedVariable) eval(e *evaluator) Value {
	name := e.eval(x.name)
	if u, isUnknown := name.(unknown); isUnknown {
		return u
	}
	return (&variable{e.text(name), x.line}).eval(e)
}

// special are the variables that are not known as a whole.
var special = wordSet("this GLOBALS _SERVER _SESSION")

// holder is where the variable of a name is.
func (e *evaluator) holder(name string) variables {
	if _, isSuperglobal := e.superglobals[name]; isSuperglobal {
		return e.superglobals
	}
	return e.scope
}

// share returns a value that more than one place holds from now on.
func share(v Value) Value {
	if a, isArray := v.(*Array); isArray && !a.shared {
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
		e.giveUp("[] where a value is read is not evaluated") // which a function may be handed that changes it
	}
	if isServer(x.base) {
		return e.serverVariable(e.eval(x.key))
	}
	read := e.eval
	if quiet {
		read = e.quiet
	}
	base, key := read(x.base), e.eval(x.key)
	e.on(x.line)
	if u, found := firstUnknown(base, key); found {
		if !quiet {
			e.mayThrow(u)
		}
		return u
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
	if found := e.superglobals["_SERVER"].(*Array).find(e.key(key)); found != nil {
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
		e.on(x.line)
		if special[x.name] {
			e.giveUp("an assignment to $" + x.name + " is not evaluated")
		}
		return place{variable: x.name}
	case *indexed:
		e.on(x.line)
		next := step{appended: x.key == nil, at: e.here}
		if isServer(x.base) && x.key != nil {
			return e.serverPlace(e.eval(x.key), next)
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

// serverPlace is an element of $_SERVER, which takes its value from the environment if it has none yet.
func (e *evaluator) serverPlace(key Value, next step) place {
	if _, isUnknown := key.(unknown); isUnknown {
		e.giveUp("an element of $_SERVER of unknown name is assigned to")
	}
	server := e.superglobals["_SERVER"].(*Array)
	if k := e.key(key); server.find(k) == nil {
		e.put(server, k, e.serverVariable(key), next.at)
	}
	next.key = key
	return place{"_SERVER", []step{next}}
}

// update replaces the value at a place by what change makes of it.
func (e *evaluator) update(p place, change func(old Value) Value) {
	to := e.holder(p.variable)
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
	if u, found := firstUnknown(container, next.key); found {
		return e.mayThrow(u)
	}
	a, at := e.writable(container), next.at
	var key any
	var old Value
	if !next.appended {
		key = e.key(next.key)
		if found := a.find(key); found != nil {
			old = found.value
			if len(path) > 1 {
				at = found.at // a change deep inside leaves the key where it was written
			}
		}
	}
	v := e.within(old, path[1:], change)
	e.put(a, key, v, at)
	if inner, isArray := v.(*Array); isArray && len(path) > 1 {
		inner.shared = false // nobody else can hold it, as it was just copied or made
	}
	return e.settled(a)
}

// writable is the array that elements are assigned to where a value is.
func (e *evaluator) writable(container Value) *Array {
	switch c := container.(type) {
	case *Array:
		if c.shared {
			e.spendCopies(c)
			e.budget.step(c.Len()>>4 + 8)
			return c.clone()
		}
		return c
	case string, *Object, *closure:
		e.giveUp("a byte of a string or an element of an object is assigned to")
	}
	if container != nil && container != false {
		e.throw("Error", "cannot use a scalar value as an array")
	}
	return &Array{}
}

// assign gives a target a value, or each of a list of targets an element of it.
func (e *evaluator) assign(target expression, v Value) {
	pattern, isPattern := target.(*arrayLiteral)
	if !isPattern {
		e.update(e.place(target), func(Value) Value { return v })
		return
	}
	from, isArray := v.(*Array)
	_, isUnknown := v.(unknown)
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
		part := v
		if isArray {
			part = nil
			if found := from.find(e.key(key.value)); found != nil {
				part = share(found.value)
			}
		}
		e.assign(item.value, part)
	}
}

func (x *assignment) eval(e *evaluator) Value {
	e.on(x.line)
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
	e.on(x.line)
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
		return e.arithmetic(op[:1], n, int64(1))
	case string:
		number, isNumber := numeric(n)
		e.budget.spend(4*len(n) + 64)
		switch {
		case isNumber:
			return e.arithmetic(op[:1], number, int64(1))
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
	text := []byte(s)
	carried := "1"
	for i := len(text) - 1; i >= 0; i-- {
		last := strings.IndexByte("zZ9", text[i])
		if last < 0 {
			if c := text[i]; c|0x20 >= 'a' && c|0x20 < 'z' || isDigit(c) {
				text[i]++
			}
			return string(text)
		}
		text[i] = "aA0"[last]
		carried = "aA1"[last : last+1]
	}
	return carried + string(text)
}

func (e *evaluator) unset(target expression) {
	p := e.place(target)
	_, isSuperglobal := e.superglobals[p.variable]
	switch {
	case isSuperglobal:
		e.giveUp("what is unset of $" + p.variable + " is not evaluated")
	case len(p.path) == 0:
		delete(e.scope, p.variable)
	case e.scope[p.variable] != nil:
		e.scope[p.variable] = e.without(e.scope[p.variable], p.path)
	}
}

// without returns a container without the element at the end of a path.
func (e *evaluator) without(container Value, path []step) Value {
	next := path[0]
	c, isArray := container.(*Array)
	u, isUnknown := firstUnknown(container, next.key)
	switch {
	case container == nil:
		return nil
	case isUnknown:
		return e.mayThrow(u)
	case !isArray:
		e.giveUp("an element is unset of what has none")
	}
	found := c.find(e.key(next.key))
	if found == nil || next.appended {
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
