package php

import (
	"maps"
	"slices"
	"strings"
)

// closure is a function as a value: one of the files', with variables of its surroundings, or one of PHP's own.
type closure struct {
	function *function
	bound    variables
	builtin  string
	at       origin
}

// eval calls a function by its name or by what an expression gives.
func (x *call) eval(e *evaluator) Value {
	e.here.line = x.line
	if x.callee == nil {
		name := e.resolve(x.name, x.fallback)
		if x.partial {
			return e.functionNamed(name)
		}
		arguments := e.arguments(x.arguments)
		e.here.line = x.line
		return e.callNamed(name, arguments, x.arguments)
	}
	callee := e.eval(x.callee)
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	switch {
	case x.partial:
		return callee
	case len(x.arguments) > 0:
		if name, isString := callee.(string); isString && !e.functionExists(strings.TrimPrefix(name, `\`)) {
			return e.callNamed(strings.TrimPrefix(name, `\`), arguments, x.arguments)
		}
	}
	return e.callback(callee, arguments)
}

// resolve picks the function that a name means: in the namespace, or else outside of it.
func (e *evaluator) resolve(name, fallback string) string {
	if fallback == "" || e.functionExists(name) {
		return name
	}
	return fallback
}

func (e *evaluator) functionExists(name string) bool {
	name = e.lower(name)
	return e.functions[name] != nil || functions[name].call != nil
}

// callNamed calls a function. Written is how its arguments are written, where they are: PHP's functions may change what is a variable.
func (e *evaluator) callNamed(name string, arguments []Value, written []argument) Value {
	lower := e.lower(name)
	first, takesReference := byReference[lower]
	switch {
	case e.functions[lower] != nil:
		return e.invoke(&closure{function: e.functions[lower]}, arguments)
	case takesReference && first < len(written):
		e.skip(lower, arguments)
		for _, a := range written[first:] {
			e.forget(a.value)
		}
		return e.mayThrow(e.unknown("the function " + name + "() is not evaluated"))
	case functions[lower].call != nil:
		return e.callBuiltin(lower, arguments)
	}
	e.skip(lower, arguments)
	return e.mayThrow(e.unknown("the function " + name + "() is not known"))
}

// skip stands for a call of one of PHP's functions that is not evaluated. It gives up if that may change anything.
func (e *evaluator) skip(name string, arguments []Value) {
	if loud[name] {
		e.giveUp(name + "() is not evaluated, and may change anything")
	}
	for _, v := range arguments {
		e.stepOver(v)
		if e.mayRun(v, name) {
			e.giveUp(name + "() is not evaluated, and may call a function")
		}
	}
}

// mayRun says whether a function of PHP's that is handed a value may run code of the files by it, or a function that changes something.
func (e *evaluator) mayRun(v Value, by string) bool {
	switch v := v.(type) {
	case *closure:
		return true
	case unknown:
		return callers[by]
	case string:
		name, _, isStatic := strings.Cut(e.lower(strings.TrimPrefix(v[:min(len(v), maxName)], `\`)), "::")
		return isStatic && callers[by] || loud[name] || e.functions[name] != nil
	case *Array:
		return slices.ContainsFunc(v.elements, func(element element) bool { return e.mayRun(element.value, by) })
	case *Object:
		return e.mayRun(v.Properties, by)
	}
	return false
}

// forget makes unknown the variable that an argument is of, as it is handed to something that may change it.
func (e *evaluator) forget(x expression) {
	for {
		i, isIndexed := x.(*indexed)
		if !isIndexed || isServer(i.base) {
			break
		}
		x = i.base
	}
	switch x := x.(type) {
	case *variable:
		u := e.unknown("it is handed to a function that may change it")
		e.update(e.place(x), func(Value) Value { return u })
	case *property, *staticProperty, *indexed:
		e.giveUp("it is handed to a function that may change it")
	}
}

// functionNamed makes a value of a function that has a name.
func (e *evaluator) functionNamed(name string) Value {
	e.budget.spend(objectCost)
	if f := e.functions[e.lower(name)]; f != nil {
		return &closure{function: f, at: e.here}
	}
	if !e.functionExists(name) {
		return e.mayThrow(e.unknown("the function " + name + "() is not known"))
	}
	return &closure{builtin: e.lower(name), at: e.here}
}

// callback calls what a value means as a function.
func (e *evaluator) callback(callee Value, arguments []Value) Value {
	switch f := callee.(type) {
	case *closure:
		if f.builtin != "" {
			return e.callBuiltin(f.builtin, arguments)
		}
		return e.invoke(f, arguments)
	case string:
		return e.callNamed(strings.TrimPrefix(f, `\`), arguments, nil)
	case unknown:
		e.giveUp("what is called is not known: " + f.reason)
	case *Array, *Object:
		e.giveUp("a method is called, which is not evaluated")
	}
	e.throw("Error", "a value of type "+typeName(callee)+" is called")
	return nil
}

// arguments evaluates what stands between the parentheses of a call.
func (e *evaluator) arguments(list []argument) []Value {
	e.budget.spend(len(list) * 32)
	arguments := make([]Value, 0, len(list))
	for _, a := range list {
		if i, isIndexed := a.value.(*indexed); a.named || isIndexed && i.key == nil {
			e.giveUp("an argument with a name or for a new element is not evaluated")
		}
		v := e.eval(a.value)
		if !a.spread {
			arguments = append(arguments, v)
			continue
		}
		spread, isArray := v.(*Array)
		if !isArray || !spread.IsList() {
			e.giveUp("arguments that are no known list are spread")
		}
		e.budget.spend(spread.Len() * 32)
		for element := range spread.all() {
			arguments = append(arguments, share(element.value))
		}
	}
	return arguments
}

// invoke calls a function of the files.
func (e *evaluator) invoke(c *closure, arguments []Value) Value {
	f := c.function
	if f.beyond != "" {
		e.giveUp("a function is called that " + f.beyond)
	}
	caller, here, strict, depth := e.scope, e.here, e.strict, e.depth
	e.budget.spend(256 + (len(f.parameters)+len(c.bound))*indexCost)
	e.descend()
	inner := maps.Clone(c.bound)
	if inner == nil {
		inner = make(variables, len(f.parameters))
	}
	given := len(arguments)
	for i, p := range f.parameters {
		switch {
		case p.variadic:
			rest := &Array{}
			for _, v := range arguments[min(i, given):] {
				e.appendTo(rest, e.coerce(share(v), p.hint, strict, "$"+p.name), e.here)
			}
			inner[p.name] = rest
		case i < given:
			inner[p.name] = e.coerce(share(arguments[i]), p.hint, strict, "$"+p.name)
		}
	}
	e.scope, e.here, e.strict = inner, f.at, f.strict
	for i, p := range f.parameters {
		if i < given || p.variadic {
			continue
		}
		if p.fallback == nil {
			e.throw("ArgumentCountError", "too few arguments to "+f.name+"()")
		}
		inner[p.name] = e.eval(p.fallback)
	}
	out := e.runAll(f.body)
	notLooping(out)
	result := e.coerce(out.value, f.result, f.strict, "its result")
	e.scope, e.here, e.strict, e.depth = caller, here, strict, depth
	return result
}

// eval makes a function expression a value. An arrow function keeps the variables around it as they are now.
func (x *functionExpression) eval(e *evaluator) Value {
	e.budget.spend(objectCost)
	c := &closure{function: x.function, bound: variables{}, at: e.at(x.line)}
	if x.function.arrow {
		c.bound = e.surroundings()
		return c
	}
	e.budget.spend(len(x.function.uses) * indexCost)
	for _, name := range x.function.uses {
		c.bound[name] = (&variable{name: name, line: x.line}).eval(e)
	}
	return c
}

// eval knows one method: getMessage of an exception.
func (x *method) eval(e *evaluator) Value {
	var object Value
	if x.object != nil {
		object = e.eval(x.object)
	}
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	o, _ := object.(*Object)
	switch {
	case o != nil && strings.EqualFold(x.name, "getMessage") && isA(o.Class, "throwable"):
		if message := o.Properties.find("message"); message != nil {
			return message.value
		}
		return e.unknown("the message of an exception of PHP's own")
	case isObject(object):
		e.giveUp("the method " + x.name + "() is not evaluated, and may change anything")
	}
	e.skipMethod(arguments, x.arguments)
	if u, isUnknown := object.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	return e.mayThrow(e.unknown("the method " + strings.TrimPrefix(x.class+"::"+x.name, "::") + "() is not known"))
}

// skipMethod stands for a method that is not evaluated. Like a function of PHP's it may call what it is handed, and change variables.
func (e *evaluator) skipMethod(arguments []Value, written []argument) {
	e.skip("", arguments)
	for _, a := range written {
		if isTarget(a.value) {
			e.forget(a.value)
		}
	}
}

// eval makes the objects that are known: a stdClass and PHP's exceptions.
func (x *construction) eval(e *evaluator) Value {
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	e.budget.spend(objectCost)
	switch {
	case strings.EqualFold(x.class, "stdClass"):
		return &Object{Class: "stdClass", Properties: &Array{}}
	case !isA(x.class, "throwable"):
		e.skipMethod(arguments, x.arguments)
		return e.mayThrow(e.unknown("the class " + x.class + " is not known"))
	}
	o := &Object{Class: x.class, Properties: &Array{}}
	var message Value = ""
	if len(arguments) > 0 && arguments[0] != nil {
		message = e.coerce(arguments[0], []string{"string"}, e.strict, "$message")
	}
	o.Properties.set("message", message, e.here)
	return o
}
