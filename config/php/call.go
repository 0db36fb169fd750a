package php

import (
	"maps"
	"slices"
	"strings"
)

// closure is a function as a value: one of the files', bound to variables of its surroundings, or one of PHP's own.
type closure struct {
	function *function
	bound    map[string]binding
	statics  map[*staticStatement]*slot
	builtin  string
	at       origin
}

// binding is a variable of its surroundings in a closure. One by value is the same at the beginning of each call.
type binding struct {
	slot        *slot
	byReference bool
}

// given is an argument of a call.
type given struct {
	name  string // of a named argument
	value Value
	from  expression // nil when it was spread or comes from a callback
}

// call calls a function by its name or by what an expression gives.
func (e *evaluator) call(x *call) Value {
	e.here.line = x.line
	if x.callee != nil {
		return e.callValue(x)
	}
	name, known := e.resolve(x.name, x.fallback)
	if x.partial {
		return e.partial(name, known)
	}
	lower := e.lower(name)
	switch lower {
	case "compact", "extract", "func_get_args", "func_num_args", "putenv":
		return e.scopeFunction(lower, x)
	}
	if by := byReference[lower]; by != nil && e.functions[lower] == nil {
		return e.callByReference(by, x)
	}
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	changed := changes(lower, x.arguments)
	if !known || len(changed) > 0 && e.functions[lower] == nil {
		e.effectsOfCall(changed)
		return e.callUnknown(name, arguments)
	}
	return e.callNamed(name, arguments)
}

// resolve picks the function that a name means: in the namespace, or else outside of it.
func (e *evaluator) resolve(name, fallback string) (resolved string, known bool) {
	if e.functionExists(name) || fallback == "" {
		return name, e.functionExists(name)
	}
	return fallback, e.functionExists(fallback)
}

func (e *evaluator) functionExists(name string) bool {
	name = e.lower(name)
	return e.functions[name] != nil || functions[name].call != nil
}

func (e *evaluator) callNamed(name string, arguments []given) Value {
	if f := e.functions[e.lower(name)]; f != nil {
		return e.invoke(e.declared(f, f.at), arguments)
	}
	return e.callBuiltin(name, arguments)
}

// callUnknown is a call of a function that is not known, or not in this form.
func (e *evaluator) callUnknown(name string, arguments []given) Value {
	e.skipCall(name, arguments)
	return e.mayThrow(e.unknown("the function " + name + "() is not known"))
}

func (e *evaluator) partial(name string, known bool) Value {
	if f := e.functions[e.lower(name)]; f != nil {
		return e.declared(f, e.here)
	}
	if !known {
		return e.unknown("the function " + name + "() is not known")
	}
	return &closure{builtin: e.lower(name), at: e.here}
}

// declared makes a value of a function that has a name, whose static variables belong to the function and not to the value.
func (e *evaluator) declared(f *function, at origin) *closure {
	return &closure{function: f, statics: e.statics, at: at}
}

// callValue calls a closure, or a function whose name is in a string.
func (e *evaluator) callValue(x *call) Value {
	callee := e.eval(x.callee)
	switch callee.(type) {
	case nil, bool, int64, float64:
		e.throw("Error", "a value of type "+typeName(callee)+" is called")
	}
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	if x.partial {
		return callee
	}
	if !e.callable(callee) {
		e.effectsOfCall(x.arguments)
	}
	return e.callback(callee, arguments)
}

// callable says whether a value means a function that is known.
func (e *evaluator) callable(v Value) bool {
	switch f := v.(type) {
	case *closure:
		return true
	case string:
		return e.functionExists(strings.TrimPrefix(f, `\`))
	}
	return false
}

// callback calls what a value means as a function.
func (e *evaluator) callback(callee Value, arguments []given) Value {
	switch f := callee.(type) {
	case *closure:
		if f.builtin != "" {
			return e.callBuiltin(f.builtin, arguments)
		}
		return e.invoke(f, arguments)
	case string:
		name := strings.TrimPrefix(f, `\`)
		if e.functionExists(name) {
			return e.callNamed(name, arguments)
		}
		return e.callUnknown(name, arguments)
	case unknown:
		e.giveUp("what is called is not known: " + f.reason)
	}
	e.handOver(callee)
	return e.mayThrow(e.unknown("a call of " + typeName(callee)))
}

// mayThrow stands for a call of unknown effect: where an exception would be caught, one may come.
func (e *evaluator) mayThrow(u unknown) Value {
	if e.tries > 0 && e.choices.next(u.reason) {
		panic(&thrown{})
	}
	return u
}

// effectsOfCall makes unknown the variables that a call of unknown effect may change, because they are handed to it.
func (e *evaluator) effectsOfCall(arguments []argument) {
	for _, a := range arguments {
		if isTarget(a.value) {
			e.forgetArgument(a.value)
		}
	}
}

func (e *evaluator) forgetArgument(x expression) {
	if isChangeable(x) {
		if _, isObject := e.quiet(x).(*Object); isObject {
			e.giveUp("an object is handed to a function that may change it")
		}
		u := e.unknown("it is handed to a function that may change it")
		e.update(e.place(x), func(Value) Value { return u })
	}
}

// appends says whether an expression names an element that is not there yet: base[].
func appends(x expression) bool {
	for {
		i, isIndexed := x.(*indexed)
		switch {
		case !isIndexed:
			return false
		case i.key == nil:
			return true
		}
		x = i.base
	}
}

// arguments evaluates what stands between the parentheses of a call.
func (e *evaluator) arguments(list []argument) []given {
	e.budget.spend(len(list) * 48)
	arguments := make([]given, 0, len(list))
	for _, a := range list {
		if appends(a.value) {
			e.giveUp("a new element is handed to a function")
		}
		v := e.eval(a.value)
		if !a.spread {
			arguments = append(arguments, given{a.name, v, a.value})
			continue
		}
		if _, isUnknown := v.(unknown); isUnknown {
			e.giveUp("arguments that are not known are spread")
		}
		spread, isArray := v.(*Array)
		if !isArray {
			e.throw("Error", "only arrays can be unpacked")
		}
		e.budget.spend(spread.Len() * 48)
		for element := range spread.all() {
			name, _ := element.key.(string)
			arguments = append(arguments, given{name: name, value: element.value})
		}
	}
	return arguments
}

// invoke calls a function of the files.
func (e *evaluator) invoke(c *closure, arguments []given) Value {
	f := c.function
	if f.generator {
		return e.generator(f)
	}
	caller, here, strict, depth := e.scope, e.here, e.strict, e.depth
	inner := &scope{variables: make(map[string]*slot, len(f.parameters)), statics: c.statics, function: f}
	e.budget.spend(256 + (len(f.parameters)+len(c.bound))*indexCost)
	e.descend()
	for name, b := range c.bound {
		inner.variables[name] = b.slot
		if !b.byReference {
			inner.variables[name] = b.slot.copied()
		}
	}
	passed := e.positions(f, arguments)
	inner.count(arguments)
	for i := range f.parameters {
		inner.variables[f.parameters[i].name] = e.bind(f, i, passed, strict)
	}
	handed := e.handed(f, passed)
	e.scope, e.here, e.strict = inner, f.at, f.strict
	for i := range f.parameters {
		e.fallback(f, i)
	}
	bound := maps.Clone(inner.variables)
	out := e.execute(f.body)
	notLooping(out)
	result := e.coerce(out.value, f.result, f.strict, "its result")
	e.scope, e.here, e.strict, e.depth = caller, here, strict, depth
	for i, element := range handed {
		e.update(element, func(Value) Value { return bound[f.parameters[i].name].value })
	}
	return result
}

// generator is a call of a function that yields. Nobody knows when its body runs.
func (e *evaluator) generator(f *function) Value {
	e.skip("a generator", f)
	if slices.ContainsFunc(f.parameters, func(p parameter) bool { return p.byReference }) {
		e.giveUp("a generator takes arguments by reference")
	}
	return e.unknown("a generator is not evaluated")
}

// handed finds the elements that are handed to a function by reference. They are unknown until it has returned.
func (e *evaluator) handed(f *function, passed []*given) map[int]place {
	var elements map[int]place
	for i, p := range f.parameters {
		if !p.byReference || p.variadic || passed[i] == nil || passed[i].from == nil {
			continue
		}
		if !isChangeable(passed[i].from) {
			continue
		}
		if x, isIndexed := passed[i].from.(*indexed); isIndexed && !isServer(x.base) {
			if elements == nil {
				elements = map[int]place{}
			}
			elements[i] = e.place(x)
			e.forgetArgument(x)
		}
	}
	return elements
}

// positions orders arguments by parameter; those of a variadic parameter stay at the end.
func (e *evaluator) positions(f *function, arguments []given) []*given {
	passed := make([]*given, len(f.parameters))
	for i := range arguments {
		a := &arguments[i]
		position := i
		if a.name != "" {
			position = slices.IndexFunc(f.parameters, func(p parameter) bool { return p.name == a.name && !p.variadic })
			if position < 0 && !f.variadic() {
				e.throw("Error", "unknown named parameter $"+a.name)
			}
		}
		switch {
		case position < 0 || position >= len(passed)-1 && f.variadic():
			passed = append(passed, a)
		case position < len(passed):
			passed[position] = a
		}
	}
	return passed
}

// count notes what func_get_args gives besides the values of parameters.
func (s *scope) count(arguments []given) {
	own := s.function.ownParameters()
	for i, a := range arguments {
		if a.name != "" {
			i = slices.IndexFunc(own, func(p parameter) bool { return p.name == a.name })
		} else if i >= len(own) {
			s.extra = append(s.extra, a.value)
		}
		s.passed = max(s.passed, i+1)
	}
}

// argumentsNow is func_get_args: parameters have the values that they have by now.
func (e *evaluator) argumentsNow() Value {
	list := &Array{}
	own := e.scope.function.ownParameters()
	for _, p := range own[:min(e.scope.passed, len(own))] {
		s := e.scope.variables[p.name]
		if s == nil {
			return e.unknown("func_get_args() after a parameter was unset")
		}
		e.appendTo(list, read(s.value), e.here)
	}
	for _, v := range e.scope.extra {
		e.appendTo(list, v, e.here)
	}
	return list
}

// ownParameters are those that take one argument each.
func (f *function) ownParameters() []parameter {
	if f.variadic() {
		return f.parameters[:len(f.parameters)-1]
	}
	return f.parameters
}

func (f *function) variadic() bool {
	return len(f.parameters) > 0 && f.parameters[len(f.parameters)-1].variadic
}

// bind makes the slot of a parameter. Without an argument it is nil until fallback fills it.
func (e *evaluator) bind(f *function, i int, passed []*given, strict bool) *slot {
	p := &f.parameters[i]
	if p.variadic {
		rest := &Array{}
		for _, a := range passed[len(f.parameters):] {
			v := e.coerce(a.value, p.hint, strict, "$"+p.name)
			if a.name != "" {
				e.set(rest, stringKey(a.name), v, e.here)
			} else {
				e.appendTo(rest, v, e.here)
			}
			if p.byReference && a.from != nil {
				e.forgetArgument(a.from)
			}
		}
		return &slot{rest}
	}
	a := passed[i]
	if a == nil {
		return nil
	}
	if p.byReference && a.from != nil && isTarget(a.from) {
		if v, isVariable := a.from.(*variable); isVariable && !unassignable[v.name] {
			return e.slot(v.name)
		}
		if _, isIndexed := a.from.(*indexed); !isIndexed {
			e.forgetArgument(a.from)
		}
	}
	s := &slot{}
	s.store(e.coerce(a.value, p.hint, strict, "$"+p.name))
	return s
}

// fallback gives a parameter without argument its default. It is evaluated inside of the function.
func (e *evaluator) fallback(f *function, i int) {
	p := &f.parameters[i]
	if e.scope.variables[p.name] != nil {
		return
	}
	if p.fallback == nil {
		e.throw("ArgumentCountError", "too few arguments to "+f.name+"()")
	}
	s := &slot{}
	s.store(e.eval(p.fallback))
	e.scope.variables[p.name] = s
}

// closure makes a function expression a value. An arrow function keeps the variables that it mentions as they are now.
func (e *evaluator) closure(x *functionExpression) Value {
	e.budget.spend(objectCost)
	c := &closure{function: x.function, bound: map[string]binding{}, statics: map[*staticStatement]*slot{}, at: e.at(x.line)}
	e.closures[x.function] = true
	if x.function.arrow {
		names := e.mentions(x.function)
		e.budget.step(len(names) >> 3)
		for name := range names {
			if s := e.scope.variables[name]; s != nil {
				e.budget.spend(indexCost)
				c.bound[name] = binding{slot: s.copied()}
			}
		}
		return c
	}
	for _, use := range x.function.uses {
		e.budget.spend(indexCost)
		b := binding{slot: &slot{}}
		switch s := e.scope.variables[use.name]; {
		case use.byReference:
			b = binding{e.slot(use.name), true}
		case s != nil:
			b.slot = s.copied()
		}
		c.bound[use.name] = b
	}
	return c
}

// mentions are the names of the variables in an arrow function, and in arrow functions within it.
func (e *evaluator) mentions(f *function) map[string]bool {
	if f.mentions != nil {
		return f.mentions
	}
	names := map[string]bool{}
	note := func(name string) {
		e.budget.spend(indexCost)
		names[name] = true
	}
	look := func(node any) {
		switch n := node.(type) {
		case *variable:
			note(n.name)
		case *functionExpression:
			for _, use := range n.function.uses {
				note(use.name)
			}
			if n.function.arrow {
				e.descend()
				for name := range e.mentions(n.function) {
					note(name)
				}
				e.depth--
			}
		}
	}
	for _, p := range f.parameters {
		e.inspect(p.fallback, look)
	}
	for _, statement := range f.body {
		e.inspect(statement, look)
	}
	f.mentions = names
	return names
}

// foreignCall is a call of a method or a constructor. Few are known: those of PHP's exceptions and of stdClass.
func (e *evaluator) foreignCall(x *foreignCall) Value {
	var object Value
	if x.object != nil {
		object = e.eval(x.object)
	}
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	if x.object == nil && x.method == "" {
		if v, known := e.construct(x.class, arguments); known {
			return v
		}
	}
	if o, isObject := object.(*Object); isObject && strings.EqualFold(x.method, "getMessage") && isA(o.Class, "throwable") {
		if message := o.Properties.find("message"); message != nil {
			return message.value
		}
		return e.unknown("the message of an exception of PHP's own")
	}
	e.skipMethod(x, object, arguments)
	if u, isUnknown := object.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	return e.mayThrow(e.unknown(describe(x)))
}

// skipMethod stands for a call that is not evaluated. What is in a class of the files may do anything.
func (e *evaluator) skipMethod(x *foreignCall, object Value, arguments []given) {
	computed := x.object == nil && x.class == "" || x.object != nil && x.method == ""
	if computed || x.object != nil && len(e.classes) > 0 || e.classes[e.lower(x.class)] {
		e.giveUp(describe(x) + " and may change anything")
	}
	e.handOver(object)
	for _, a := range arguments {
		e.handOver(a.value)
	}
	e.effectsOfCall(x.arguments)
}

func describe(x *foreignCall) string {
	switch {
	case x.object == nil && x.class == "":
		return "a class without a name is used, which is not known"
	case x.object == nil && x.method == "":
		return "the class " + x.class + " is not known"
	case x.class != "":
		return "the method " + x.class + "::" + x.method + "() is not known"
	}
	return "the method " + x.method + "() is not known"
}

// construct makes the objects that are known.
func (e *evaluator) construct(class string, arguments []given) (Value, bool) {
	e.budget.spend(objectCost)
	switch {
	case class == "" || e.classes[e.lower(class)]:
		return nil, false
	case strings.EqualFold(class, "stdClass"):
		return &Object{Class: "stdClass", Properties: &Array{}}, true
	case !isA(class, "throwable"):
		return nil, false
	}
	o := &Object{Class: class, Properties: &Array{}}
	var message Value = ""
	for i, a := range arguments {
		if (a.name == "message" || a.name == "" && i == 0) && a.value != nil {
			message = e.coerce(a.value, &typeHint{[]string{"string"}}, e.strict, "$message")
		}
	}
	o.Properties.set("message", message, e.here)
	return o, true
}

// scopeFunction are the functions that see the variables of their caller.
func (e *evaluator) scopeFunction(name string, x *call) Value {
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	switch name {
	case "compact":
		return e.compact(arguments)
	case "func_get_args":
		if e.scope.function != nil {
			return e.argumentsNow()
		}
	case "func_num_args":
		if e.scope.function != nil {
			return int64(e.scope.passed)
		}
	case "extract":
		return e.extract(arguments)
	case "putenv":
		return e.putenv(arguments)
	}
	return e.unknown(name + "() is not evaluated here")
}

func (e *evaluator) compact(arguments []given) Value {
	if len(arguments) == 0 {
		e.throw("ArgumentCountError", "compact() got too few arguments")
	}
	result := &Array{}
	for _, a := range arguments {
		names := []Value{a.value}
		if list, isArray := a.value.(*Array); isArray {
			names = names[:0]
			for element := range list.all() {
				names = append(names, element.value)
			}
		}
		for _, v := range names {
			name, isString := v.(string)
			if !isString {
				return e.unknown("compact() of what is not a name")
			}
			if s := e.scope.variables[name]; s != nil {
				e.set(result, stringKey(name), s.value, e.here)
			}
		}
	}
	return result
}

// extract makes variables of the elements of an array.
func (e *evaluator) extract(arguments []given) Value {
	from, isArray := firstValue(arguments).(*Array)
	if !isArray || len(arguments) > 1 {
		e.giveUp("extract() of what is not known")
	}
	for element := range from.all() {
		name, isString := element.key.(string)
		if !isString || nameLength(name) != len(name) || unassignable[name] {
			e.giveUp("extract() of a name that is not one")
		}
		e.slot(name).store(element.value)
	}
	return int64(from.Len())
}

func firstValue(arguments []given) Value {
	if len(arguments) == 0 {
		return nil
	}
	return arguments[0].value
}
