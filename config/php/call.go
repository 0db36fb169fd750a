package php

import (
	"maps"
	"slices"
	"strings"
)

// closure is a function of the files as a value, with variables of its surroundings.
type closure struct {
	function *function
	bound    variables
}

// eval calls a function by its name or by what an expression gives.
func (x *call) eval(e *evaluator) Value {
	e.on(x.line)
	var callee Value
	if x.callee != nil {
		callee = e.eval(x.callee)
	} else {
		callee = e.resolve(x.name, x.fallback)
	}
	arguments := e.arguments(x.arguments)
	e.on(x.line)
	if e.prelude != "" && x.name == "beyond" {
		return e.unknown(e.text(arguments[0]) + " is not evaluated")
	}
	return e.callValue(callee, arguments, x.arguments)
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

// callValue calls what a value means as a function. Written is how its arguments are written, where they are: PHP's functions may change
// what is a variable.
func (e *evaluator) callValue(callee Value, arguments []Value, written []expression) Value {
	switch f := callee.(type) {
	case *closure:
		return e.invoke(f, arguments)
	case string:
		return e.callNamed(strings.TrimPrefix(f, `\`), arguments, written)
	case unknown:
		e.giveUp("what is called is not known: " + f.reason)
	case *Array, *Object:
		e.giveUp("a method is called, which is not evaluated")
	}
	e.throw("Error", "a value of type "+typeName(callee)+" is called")
	return nil
}

func (e *evaluator) callNamed(name string, arguments []Value, written []expression) Value {
	lower := e.lower(name)
	var changed []expression
	if first, takesReference := byReference[lower]; takesReference {
		changed = written[min(first, len(written)):]
	}
	switch {
	case e.functions[lower] != nil:
		return e.invoke(&closure{function: e.functions[lower]}, arguments)
	case functions[lower].call != nil && len(changed) == 0:
		return e.callBuiltin(lower, arguments)
	}
	e.skip(lower, arguments, changed)
	return e.mayThrow(e.unknown("the function " + name + "() is not known"))
}

// skip stands for a call of what is not evaluated, which may change the variables that some arguments are written as. It gives up if it may
// change anything else.
func (e *evaluator) skip(name string, arguments []Value, changed []expression) {
	if loud[name] {
		e.giveUp(name + "() is not evaluated, and may change anything")
	}
	for _, v := range arguments {
		e.stepOver(v)
		if holdsFunction(v) {
			e.giveUp(name + "() is not evaluated, and may call a function of the files")
		}
	}
	e.forget(changed)
}

// holdsFunction says whether a value is a function of the files, or has one in it, that does more than compute.
func holdsFunction(v Value) bool {
	switch v := v.(type) {
	case *closure:
		return v.function.arrow == nil || change(v.function.arrow)
	case *Array:
		return v.opaque && slices.ContainsFunc(v.elements, func(element element) bool { return holdsFunction(element.value) })
	case *Object:
		return holdsFunction(v.Properties)
	}
	return false
}

// forget makes unknown the variables that arguments are of, as they are handed to something that may change them.
func (e *evaluator) forget(written []expression) {
	for _, x := range written {
		for i, isIndexed := x.(*indexed); isIndexed && !isServer(i.base); i, isIndexed = x.(*indexed) {
			x = i.base
		}
		switch x := x.(type) {
		case *variable:
			u := e.unknown("it is handed to a function that may change it")
			e.update(e.place(x), func(Value) Value { return u })
		case *member, *indexed:
			e.giveUp("it is handed to a function that may change it")
		}
	}
}

// arguments evaluates what stands between the parentheses of a call.
func (e *evaluator) arguments(list []expression) []Value {
	e.budget.spend(len(list) * 32)
	arguments := make([]Value, 0, len(list))
	for _, x := range list {
		arguments = append(arguments, e.eval(x))
	}
	return arguments
}

// invoke calls a function of the files.
func (e *evaluator) invoke(c *closure, arguments []Value) Value {
	f := c.function
	caller := e.walk
	e.budget.spend(256 + (len(f.parameters)+len(c.bound))*indexCost)
	e.descend()
	inner := maps.Clone(c.bound)
	if inner == nil {
		inner = make(variables, len(f.parameters))
	}
	given := min(len(arguments), len(f.parameters))
	for i, p := range f.parameters[:given] {
		inner[p.name] = e.coerce(share(arguments[i]), p.hint, "$"+p.name)
	}
	e.scope = inner
	if f.at.file > 0 {
		e.here, e.prelude = f.at, ""
	} else if f.name != "" {
		e.prelude = f.name
	}
	for _, p := range f.parameters[given:] {
		if p.fallback == nil {
			e.throw("ArgumentCountError", "too few arguments to "+f.name+"()")
		}
		inner[p.name] = e.eval(p.fallback)
	}
	var result Value
	if f.arrow != nil {
		result = e.eval(f.arrow)
	} else {
		out := e.runAll(f.body)
		notLooping(out)
		result = out.value
	}
	result = e.coerce(result, f.result, "its result")
	e.walk = caller
	return result
}

// eval makes a function expression a value. An arrow function keeps the variables around it as they are now.
func (x *functionExpression) eval(e *evaluator) Value {
	e.budget.spend(objectCost)
	c := &closure{function: x.function, bound: variables{}}
	if x.function.arrow != nil {
		e.budget.spend(len(e.scope) * indexCost)
		c.bound = maps.Clone(e.scope)
		for _, v := range c.bound {
			share(v)
		}
		return c
	}
	e.budget.spend(len(x.function.uses) * indexCost)
	for _, name := range x.function.uses {
		c.bound[name] = (&variable{name, x.function.at.line}).eval(e)
	}
	return c
}

// eval knows what Nextcloud has set, and the message of an exception. What else is called may change what it is handed.
func (x *member) eval(e *evaluator) Value {
	var object Value
	if x.object != nil {
		object = e.eval(x.object)
	}
	arguments := e.arguments(x.arguments)
	e.on(x.line)
	o, _ := object.(*Object)
	switch {
	case o != nil && x.called && strings.EqualFold(x.name, "getMessage") && e.isThrowable(o.Class):
		if message := o.Properties.find("message"); message != nil {
			return message.value
		}
		return e.unknown("the message of an exception of PHP's own")
	case o != nil && !x.called && o.Class == "stdClass":
		if found := o.Properties.find(stringKey(x.name)); found != nil {
			return share(found.value)
		}
		return nil
	case isObject(object):
		e.giveUp("what " + x.name + " is of an object is not evaluated")
	case x.called:
		e.skip("", arguments, x.arguments)
	case x.object != nil && typeName(object) != "unknown":
		return nil
	case strings.EqualFold(x.class, "OC") && x.name == "$SERVERROOT":
		return e.serverRoot
	case strings.EqualFold(x.class, "OC") && x.name == "$configDir":
		return e.configDir + "/"
	}
	e.budget.spend(len(x.class) + len(x.name))
	if v, known := constants[e.lower(x.class)+"::"+x.name]; known {
		return v
	}
	if u, isUnknown := object.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	kind, what := "constant", strings.TrimPrefix(x.class+"::"+x.name, "::")
	if x.called {
		kind, what = "method", what+"()"
	}
	return e.mayThrow(e.unknown("the " + kind + " " + what + " is not known"))
}

// eval makes the objects that are known: a stdClass and PHP's exceptions.
func (x *construction) eval(e *evaluator) Value {
	arguments := e.arguments(x.arguments)
	e.on(x.line)
	e.budget.spend(objectCost)
	switch {
	case strings.EqualFold(x.class, "stdClass"):
		return &Object{Class: "stdClass", Properties: &Array{}}
	case !e.isThrowable(x.class):
		e.skip("", arguments, x.arguments)
		return e.mayThrow(e.unknown("the class " + x.class + " is not known"))
	}
	o := &Object{Class: x.class, Properties: &Array{}}
	var message Value = ""
	if len(arguments) > 0 {
		message = e.coerce(arguments[0], []string{"string"}, "$message")
	}
	if e.prelude == "" {
		o.Properties.set("message", message, e.here)
	}
	return o
}
