package php

// builtin is a function of PHP's that is known here.
type builtin struct {
	least, most int // arguments that are understood; most is -1 when there may be any number
	call        func(c *invocation) Value

	// Copies says that values within arrays are only copied, so that it does not matter if one is not known.
	copies bool
}

// invocation is a call of a builtin. Its methods take arguments by their position, converted as PHP converts them.
type invocation struct {
	*evaluator
	name   string
	values []Value
	strict bool
}

// functions of PHP's by lower-case name. What has an effect besides its result, or depends on when and where it is called, is
// left out, but for reading files and the environment.
var functions = map[string]builtin{}

func init() {
	for _, group := range []map[string]builtin{
		stringFunctions, numberFunctions, typeFunctions, arrayFunctions, callbackFunctions, fileFunctions, environmentFunctions,
		encodingFunctions,
	} {
		for name, f := range group {
			functions[name] = f
		}
	}
}

// callBuiltin calls a function of PHP's that is known. What it cannot evaluate may have called what is handed to it.
func (e *evaluator) callBuiltin(name string, arguments []given) Value {
	name = e.lower(name)
	v := e.tryBuiltin(name, arguments)
	u, isUnknown := v.(unknown)
	if !isUnknown {
		return v
	}
	if callers[name] {
		e.skipCall(name, arguments)
	}
	return e.mayThrow(u)
}

func (e *evaluator) tryBuiltin(name string, arguments []given) Value {
	f := functions[name]
	values := make([]Value, len(arguments))
	for i, a := range arguments {
		if a.name != "" {
			return e.unknown("named arguments of " + name + "() are not evaluated")
		}
		values[i] = a.value
	}
	if len(values) < f.least {
		e.throw("ArgumentCountError", "too few arguments to "+name+"()")
	}
	if f.most >= 0 && len(values) > f.most {
		return e.unknown(name + "() with so many arguments is not evaluated")
	}
	for _, v := range values {
		e.stepOver(v)
		if u, found := e.obstacle(v, f.copies); found {
			return u
		}
		if a, isArray := v.(*Array); isArray {
			a.shared = true // a callback may write to it meanwhile
		}
	}
	result := f.call(&invocation{e, name, values, e.strict})
	if a, isArray := result.(*Array); isArray {
		e.checkNesting(a)
	}
	return result
}

// obstacle finds what in an argument is not known and matters.
func (e *evaluator) obstacle(v Value, copies bool) (unknown, bool) {
	switch v := v.(type) {
	case unknown:
		return v, true
	case *Array:
		if !copies {
			return findUnknown(v)
		}
	case *Object:
		return findUnknown(v.Properties)
	}
	return unknown{}, false
}

func (c *invocation) has(i int) bool { return i < len(c.values) }

// wrong throws the error of an argument of the wrong type.
func (c *invocation) wrong(i int, wanted string) {
	c.throw("TypeError", c.name+"(): an argument must be of type "+wanted+", "+typeName(c.values[i])+" given")
}

// scalar converts an argument that is not of the wanted type. Null is taken for any, as PHP does for its own functions.
func (c *invocation) scalar(i int, to string) Value {
	v := c.values[i]
	if typeName(v) == to {
		return v
	}
	if c.strict && (to != "float" || typeName(v) != "int") {
		c.wrong(i, to)
	}
	if v == nil {
		v = false
	}
	converted, possible := weakly(v, to)
	if _, isUnknown := converted.(unknown); isUnknown {
		c.giveUp(c.name + "() gets a string that only begins with a number")
	}
	if !possible {
		c.wrong(i, to)
	}
	return converted
}

func (c *invocation) string(i int) string { return c.scalar(i, "string").(string) }

func (c *invocation) int(i int) int64 { return c.scalar(i, "int").(int64) }

func (c *invocation) bool(i int) bool { return c.scalar(i, "bool").(bool) }

// intOr returns an optional argument.
func (c *invocation) intOr(i int, otherwise int64) int64 {
	if !c.has(i) {
		return otherwise
	}
	return c.int(i)
}

// optional says whether an argument that may be null is there and is not.
func (c *invocation) optional(i int) bool { return c.has(i) && c.values[i] != nil }

func (c *invocation) boolOr(i int, otherwise bool) bool {
	if !c.has(i) {
		return otherwise
	}
	return c.bool(i)
}

func (c *invocation) array(i int) *Array {
	a, isArray := c.values[i].(*Array)
	if !isArray {
		c.wrong(i, "array")
	}
	return a
}

// number returns an argument that may be an int or a float.
func (c *invocation) number(i int) Value {
	switch v := c.values[i].(type) {
	case int64, float64:
		return v
	case string:
		if number, isNumber := numeric(v); isNumber && !c.strict {
			return number
		}
	case nil, bool:
		if !c.strict {
			return toInt(v)
		}
	}
	c.wrong(i, "int|float")
	return nil
}

// copied makes a new array of at most n elements.
func (c *invocation) copied(n int) *Array {
	c.budget.spend(n * elementCost)
	return &Array{elements: make([]element, 0, n)}
}

// put copies an element under a key.
func (c *invocation) put(a *Array, key any, from *element) { c.set(a, key, from.value, from.at) }

// accounted accounts for a copy of a string, and for the bytes that it is made of.
func (c *invocation) accounted(s string) string {
	c.budget.spend(2 * len(s))
	return s
}
