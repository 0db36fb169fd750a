package php

import "fmt"

// read returns the value of a variable, element or property. Quiet is how isset, empty and ?? read: what is not there is null,
// and nothing is thrown.
func (e *evaluator) read(x expression, quiet bool) Value {
	e.descend()
	v := e.readNode(x, quiet)
	e.depth--
	return v
}

func (e *evaluator) readNode(x expression, quiet bool) Value {
	switch x := x.(type) {
	case *variable:
		e.here.line = x.line
		return e.variable(x.name)
	case *dynamicVariable:
		name := e.eval(x.name)
		if u, isUnknown := name.(unknown); isUnknown {
			return u
		}
		return e.variable(e.text(name))
	case *indexed:
		return e.element(x, quiet)
	case *property:
		return e.property(x, quiet)
	case *staticProperty:
		return e.staticProperty(x)
	}
	return e.eval(x)
}

func (e *evaluator) quiet(x expression) Value { return e.read(x, true) }

func (e *evaluator) variable(name string) Value {
	switch name {
	case "this", "GLOBALS", "_SERVER", "_SESSION":
		return e.unknown("$" + name + " is not known")
	}
	if s := e.globals[name]; s != nil {
		return read(s.value)
	}
	if s := e.scope.variables[name]; s != nil {
		return read(s.value)
	}
	return nil
}

// slot returns the place of a variable for writing.
func (e *evaluator) slot(name string) *slot {
	if s := e.globals[name]; s != nil {
		return s
	}
	s := e.scope.variables[name]
	if s == nil {
		e.budget.spend(indexCost + len(name))
		s = &slot{}
		e.scope.variables[name] = s
	}
	return s
}

// store keeps a value in a slot. From then on an array has to be copied before it is written to through another.
func (s *slot) store(v Value) {
	if isKept(s.value) {
		return
	}
	if a, isArray := v.(*Array); isArray {
		a.shared = true
	}
	s.value = v
}

// copied is another place with the same value.
func (s *slot) copied() *slot {
	c := &slot{}
	c.store(s.value)
	return c
}

func (e *evaluator) element(x *indexed, quiet bool) Value {
	if x.key == nil {
		panic(&fatal{"[] is used for reading"})
	}
	if isServer(x.base) {
		return e.serverVariable(e.eval(x.key))
	}
	if isGlobal(x) {
		return e.globalVariable(e.eval(x.key))
	}
	base := e.read(x.base, quiet)
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
		if k, valid := arrayKey(key); valid {
			if found := base.find(k); found != nil {
				return read(found.value)
			}
			return nil
		}
		if !quiet {
			e.throw("TypeError", "illegal offset type "+typeName(key))
		}
		return nil
	case string:
		return e.byteOf(base, key, quiet)
	case *Object, *closure:
		e.throw("Error", "cannot use an object of type "+typeName(base)+" as an array")
	}
	return nil
}

// byteOf is $string[key].
func (e *evaluator) byteOf(s string, key Value, quiet bool) Value {
	var offset int64
	switch k := key.(type) {
	case string:
		e.stepText(k)
		number, isNumber := numeric(k)
		n, isInt := number.(int64)
		if !isInt && quiet && (isNumber || !mayBeOffset(k)) {
			return nil
		}
		if !isInt || !quiet && k != toString(n) {
			return e.unknown("an offset in a string that is not an integer")
		}
		offset = n
	case int64, bool, float64, nil:
		if _, isFloat := k.(float64); quiet && (k == nil || isFloat) {
			return e.unknown("an offset in a string that is not an integer")
		}
		offset = toInt(k)
	default:
		if quiet {
			return nil
		}
		e.throw("TypeError", "cannot access an offset of type "+typeName(key)+" on a string")
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

func (e *evaluator) property(x *property, quiet bool) Value {
	base := e.read(x.base, quiet || x.nullsafe)
	name := e.eval(x.name)
	for _, v := range []Value{base, name} {
		if u, isUnknown := v.(unknown); isUnknown {
			return u
		}
	}
	o, isObject := base.(*Object)
	if !isObject {
		return nil
	}
	if o.Class != "stdClass" {
		return e.unknown("a property of an object of class " + o.Class)
	}
	if found := o.Properties.find(stringKey(e.text(name))); found != nil {
		return found.value
	}
	return nil
}

// serverVariables that PHP sets even without a request.
var serverVariables = map[string]bool{
	"PHP_SELF": true, "SCRIPT_NAME": true, "SCRIPT_FILENAME": true, "PATH_TRANSLATED": true, "DOCUMENT_ROOT": true,
	"REQUEST_TIME": true, "REQUEST_TIME_FLOAT": true, "argv": true, "argc": true,
}

func isServer(x expression) bool { return isNamed(x, "_SERVER") }

// isGlobal says whether an expression is $GLOBALS[…], and so a global variable.
func isGlobal(x expression) bool {
	i, isIndexed := x.(*indexed)
	return isIndexed && i.key != nil && isNamed(i.base, "GLOBALS")
}

// isChangeable says whether what an expression names can be told, so that it can be changed.
func isChangeable(x expression) bool {
	root, isVariable := rootOf(x).(*variable)
	return isVariable && (!unassignable[root.name] || root.name == "GLOBALS" && root != x)
}

func isNamed(x expression, name string) bool {
	v, isVariable := x.(*variable)
	return isVariable && v.name == name
}

// serverVariable is $_SERVER[key]: what was assigned to it, else the environment.
func (e *evaluator) serverVariable(key Value) Value {
	if u, isUnknown := key.(unknown); isUnknown {
		return u
	}
	if found := e.server.find(e.key(key)); found != nil {
		return found.value
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

// globalVariable is $GLOBALS[key].
func (e *evaluator) globalVariable(key Value) Value {
	if u, isUnknown := key.(unknown); isUnknown {
		return u
	}
	return read(e.global(e.text(key)).value)
}

// globalName is the name in $GLOBALS[name] where that is changed.
func (e *evaluator) globalName(x *indexed) string {
	key := e.eval(x.key)
	if u, isUnknown := key.(unknown); isUnknown {
		e.giveUp("a global variable of unknown name is changed: " + u.reason)
	}
	return e.text(key)
}

// place is where an assignment goes: a variable, or within the value of one. Working out a place evaluates its keys; a variable
// that is not there comes to be when it gets its value.
type place struct {
	variable string
	slot     *slot // of what is no variable of the scope
	path     []step
}

// step leads from an array to an element or from an object to a property.
type step struct {
	key      Value
	appended bool // []
	property bool
	at       origin
}

func (e *evaluator) place(target expression) place {
	e.descend()
	p := e.placeNode(target)
	e.depth--
	return p
}

func (e *evaluator) placeNode(target expression) place {
	switch x := target.(type) {
	case *variable:
		e.here.line = x.line
		if x.name == "this" {
			panic(&fatal{"$this is assigned to"})
		}
		return place{variable: x.name}
	case *dynamicVariable:
		name := e.eval(x.name)
		if u, isUnknown := name.(unknown); isUnknown {
			e.giveUp("a variable of unknown name is assigned to: " + u.reason)
		}
		return place{variable: e.text(name)}
	case *indexed:
		return e.elementPlace(x)
	case *property:
		p := e.place(x.base)
		p.path = append(p.path, step{key: e.eval(x.name), property: true, at: e.at(x.line)})
		return p
	case *staticProperty:
		return place{slot: &slot{e.unknown("static properties are not known")}}
	}
	switch target.(type) {
	case *call, *foreignCall, *classConstant, *constant:
		return place{slot: &slot{e.eval(target)}}
	}
	panic(&fatal{"something is assigned to that is no variable"})
}

func (e *evaluator) elementPlace(x *indexed) place {
	var p place
	if isServer(x.base) {
		p.slot = &slot{&Array{}}
		if x.key != nil {
			key := e.eval(x.key)
			if _, isUnknown := key.(unknown); isUnknown {
				e.giveUp("an element of $_SERVER of unknown name is assigned to")
			}
			return e.serverPlace(e.key(key), e.at(x.line))
		}
		return p
	}
	if isGlobal(x) {
		return place{slot: e.global(e.globalName(x))}
	}
	p = e.place(x.base)
	next := step{appended: x.key == nil, at: e.at(x.line)}
	if x.key != nil {
		next.key = e.eval(x.key)
	}
	p.path = append(p.path, next)
	return p
}

// serverPlace leads to an element of the array that holds what was assigned to $_SERVER.
func (e *evaluator) serverPlace(key any, at origin) place {
	if e.server.find(key) == nil {
		e.server.set(key, e.serverVariable(key), at)
	}
	return place{slot: &slot{e.server}, path: []step{{key: key, at: at}}}
}

// update replaces the value at a place by what change makes of it.
func (e *evaluator) update(p place, change func(old Value) Value) {
	if p.slot == nil {
		p.slot = e.slot(p.variable)
	}
	v := e.within(p.slot.value, p.path, change)
	if len(p.path) == 0 {
		p.slot.store(v)
		return
	}
	p.slot.value = v
}

// within returns the container with the value at the end of the path replaced.
func (e *evaluator) within(container Value, path []step, change func(old Value) Value) Value {
	if len(path) == 0 {
		return change(read(container))
	}
	next := path[0]
	for _, v := range []Value{container, next.key} {
		if u, isUnknown := v.(unknown); isUnknown {
			e.mayThrow(u)
			change(read(u))
			e.toByte = !next.property
			return u
		}
	}
	if next.property {
		return e.withinObject(container, path, change)
	}
	switch c := container.(type) {
	case nil:
		return e.withinArray(&Array{}, path, change)
	case *Array:
		return e.withinArray(e.own(c), path, change)
	case bool:
		if !c {
			return e.withinArray(&Array{}, path, change)
		}
	case string:
		if next.appended || len(path) > 1 || !mayBeOffset(next.key) {
			panic(&thrown{}) // of a class that depends on what exactly is tried
		}
		u := e.mayThrow(e.unknown("a byte of a string is assigned to"))
		change(u)
		e.toByte = true
		return u
	case *Object, *closure:
		e.giveUp("an element of an object is assigned to")
	}
	e.throw("Error", "cannot use a scalar value as an array")
	return nil
}

// mayBeOffset says whether PHP may take a value for the place of a byte in a string.
func mayBeOffset(key Value) bool {
	switch k := key.(type) {
	case string:
		_, rest := numberPrefix(k)
		return len(rest) < len(k)
	case nil, bool, int64, float64:
		return true
	}
	return false
}

// own returns an array that may be written to: itself, or a copy if others hold it too.
func (e *evaluator) own(a *Array) *Array {
	if !a.shared {
		return a
	}
	e.budget.spend(a.cost() + elementCost)
	e.budget.step(a.Len() >> 4)
	return a.clone()
}

func (e *evaluator) withinArray(a *Array, path []step, change func(old Value) Value) Value {
	next := path[0]
	if next.appended {
		v := e.within(nil, path[1:], change)
		e.appendTo(a, v, next.at)
		e.unshare(a, v, path)
		return a
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
	if isKept(old) {
		return a
	}
	e.set(a, key, v, at)
	e.unshare(a, v, path)
	return a
}

// unshare takes back the mark that storing set on an inner array, which nobody else can hold as it was just copied or made for a.
func (e *evaluator) unshare(a *Array, v Value, path []step) {
	if inner, isArray := v.(*Array); isArray && len(path) > 1 {
		inner.shared = false
	}
}

func (e *evaluator) withinObject(container Value, path []step, change func(old Value) Value) Value {
	o, isObject := container.(*Object)
	if !isObject {
		e.throw("Error", fmt.Sprintf("attempt to assign a property on %s", typeName(container)))
	}
	if o.Class != "stdClass" {
		e.giveUp("a property of an object of class " + o.Class + " is assigned to")
	}
	key := stringKey(e.text(path[0].key))
	var old Value
	if found := o.Properties.find(key); found != nil {
		old = found.value
	}
	v := e.within(old, path[1:], change)
	o.Properties = e.own(o.Properties)
	e.set(o.Properties, key, v, path[0].at)
	e.unshare(o.Properties, v, path)
	return o
}

// put gives a place a value, and returns what the assignment is worth: at a byte of a string, not more than that byte.
func (e *evaluator) put(p place, v Value) Value {
	e.toByte = false
	e.update(p, func(Value) Value { return v })
	if e.toByte {
		return e.unknown("it may be a byte of a string that is assigned to")
	}
	return v
}

// assign gives a target a value, taking a pattern apart.
func (e *evaluator) assign(target expression, v Value, at origin) {
	if pattern, isPattern := target.(*arrayLiteral); isPattern {
		e.destructure(pattern, v, at)
		return
	}
	e.update(e.place(target), func(Value) Value { return v })
}

// destructure is [$a, 'k' => $b] = $v.
func (e *evaluator) destructure(pattern *arrayLiteral, v Value, at origin) {
	position := int64(0)
	for _, item := range pattern.items {
		if item.value == nil {
			position++
			continue
		}
		var key Value = position
		if item.key != nil {
			key = e.eval(item.key)
		} else {
			position++
		}
		e.assign(item.value, e.part(v, key, item.byReference), at)
	}
}

// part is the element that destructuring takes out of a value.
func (e *evaluator) part(v, key Value, byReference bool) Value {
	if byReference {
		e.giveUp("a reference to an element is taken")
	}
	if u, isUnknown := key.(unknown); isUnknown {
		return u
	}
	switch v := v.(type) {
	case unknown:
		return v
	case *Array:
		if found := v.find(e.key(key)); found != nil {
			return read(found.value)
		}
	case *Object, *closure:
		return e.unknown("an object is taken apart")
	}
	return nil
}

func (e *evaluator) assignment(x *assignment) Value {
	e.here.line = x.line
	switch {
	case x.byReference:
		return e.reference(x)
	case x.op == "??=":
		return e.assignMissing(x)
	}
	if pattern, isPattern := x.target.(*arrayLiteral); isPattern {
		v := e.eval(x.value)
		e.destructure(pattern, v, e.at(x.line))
		return v
	}
	p := e.place(x.target)
	v := e.eval(x.value)
	e.here.line = x.line
	if x.op != "=" {
		op := x.op[:len(x.op)-1]
		right := v
		e.update(p, func(old Value) Value {
			v = e.operate(op, old, right)
			return v
		})
		return v
	}
	return e.put(p, v)
}

// assignMissing is ??=.
func (e *evaluator) assignMissing(x *assignment) Value {
	old := e.quiet(x.target)
	if u, isUnknown := old.(unknown); isUnknown {
		if !e.pure(x.value) {
			e.either(u, x.value)
		}
		e.assign(x.target, u, e.at(x.line))
		return u
	}
	if old != nil {
		return old
	}
	v := e.eval(x.value)
	return e.put(e.place(x.target), v)
}

// reference is =&. Variables share a slot; what else is referred to is not known from then on.
func (e *evaluator) reference(x *assignment) Value {
	target, targetIsVariable := x.target.(*variable)
	value, valueIsVariable := x.value.(*variable)
	if targetIsVariable && valueIsVariable && e.globals[target.name] == nil && !unassignable[target.name] && !unassignable[value.name] {
		s := e.slot(value.name)
		e.scope.variables[target.name] = s
		return s.value
	}
	e.forgetReference(x.value)
	u := e.unknown("references to elements are not known")
	u.kept = true
	e.mayThrow(u)
	if targetIsVariable && e.globals[target.name] == nil && !unassignable[target.name] {
		e.refer(target.name, u)
	} else {
		e.update(e.place(x.target), func(Value) Value { return u })
	}
	return read(u)
}

// refer makes a variable a reference to something that is not known.
func (e *evaluator) refer(name string, u unknown) {
	delete(e.scope.variables, name)
	e.slot(name).value = u
}

var unassignable = map[string]bool{"this": true, "GLOBALS": true, "_SERVER": true}

// forgetReference makes unknown what a reference may change later on: a variable, an element of one, or all that a deeper element
// belongs to.
func (e *evaluator) forgetReference(x expression) {
	u := e.unknown("a reference to it is taken")
	switch x := x.(type) {
	case *variable:
		u.kept = true
		e.slot(x.name).value = u
	case *indexed:
		if _, isVariable := x.base.(*variable); isVariable && x.key != nil && !isServer(x.base) {
			u.kept = true
			e.update(e.place(x), func(Value) Value { return u })
			return
		}
		e.update(e.place(x.base), func(Value) Value { return u })
	case *property, *staticProperty, *dynamicVariable:
		e.giveUp("a reference to something else than a variable or an element is taken")
	case *call, *foreignCall:
		e.giveUp("a reference to what a function returns is taken")
	default:
		e.eval(x)
	}
}

func (e *evaluator) increment(x *increment) Value {
	e.here.line = x.line
	var before, after Value
	e.update(e.place(x.target), func(old Value) Value {
		before = old
		after = e.next(old, x.op)
		return after
	})
	if x.prefix {
		return after
	}
	return before
}

// next is what ++ or -- makes of a value.
func (e *evaluator) next(v Value, op string) Value {
	switch n := v.(type) {
	case nil:
		if op == "++" {
			return int64(1)
		}
		return nil
	case unknown:
		return e.mayThrow(n)
	case bool:
		return v
	case int64, float64:
		return e.must(arithmetic(op[:1], n, int64(1)))
	case string:
		e.stepText(n)
		if number, isNumber := numeric(n); isNumber {
			return e.must(arithmetic(op[:1], number, int64(1)))
		}
		return e.unknown(op + " of a string")
	}
	e.throw("TypeError", "cannot count with "+typeName(v))
	return nil
}

func (e *evaluator) unset(target expression) {
	switch x := target.(type) {
	case *variable:
		if e.globals[x.name] != nil || unassignable[x.name] {
			e.giveUp("$" + x.name + " is unset")
		}
		delete(e.scope.variables, x.name)
	case *indexed:
		if x.key != nil {
			e.unsetElement(x)
			return
		}
		panic(&fatal{"[] is used for unsetting"})
	default:
		e.giveUp("something else than a variable or an element is unset")
	}
}

func (e *evaluator) unsetElement(x *indexed) {
	if isServer(x.base) {
		p := e.elementPlace(x)
		e.update(p, func(Value) Value { return nil })
		return
	}
	if isGlobal(x) {
		e.loseGlobal(e.globalName(x), "a global variable is unset")
		return
	}
	e.unsettable(x.base)
	key := e.eval(x.key)
	a, isArray := e.quiet(x.base).(*Array)
	if !isArray {
		return
	}
	if u, isUnknown := key.(unknown); isUnknown {
		e.update(e.place(x.base), func(Value) Value { return u })
		return
	}
	k := e.key(key)
	if a.find(k) == nil {
		return
	}
	e.update(e.place(x.base), func(old Value) Value {
		owned := e.own(old.(*Array))
		owned.remove(k)
		return owned
	})
}

// unsettable throws as PHP does where an element is unset in something that has none, at any step on the way to it.
func (e *evaluator) unsettable(container expression) {
	if x, isIndexed := container.(*indexed); isIndexed && x.key != nil && !isServer(x.base) {
		e.unsettable(x.base)
	}
	switch v := e.quiet(container).(type) {
	case nil, *Array:
	case unknown:
		e.mayThrow(v)
	case bool:
		if v {
			panic(&thrown{})
		}
	case *Object, *closure:
		e.giveUp("an element of " + typeName(v) + " is unset")
	default:
		panic(&thrown{})
	}
}
