package php

import "slices"

var arrayFunctions = map[string]builtin{
	"count":                   {1, 1, func(c *invocation) Value { return int64(c.array(0).Len()) }},
	"array_keys":              {1, 1, func(c *invocation) Value { return c.listed(func(e *element) Value { return e.key }) }},
	"array_values":            {1, 1, func(c *invocation) Value { return c.listed(func(e *element) Value { return e.value }) }},
	"array_merge":             {0, -1, arrayMerge},
	"array_merge_recursive":   {0, -1, arrayMergeRecursive},
	"array_replace":           {1, -1, arrayReplace},
	"array_replace_recursive": {1, -1, arrayReplaceRecursive},
	"array_key_exists":        {2, 2, arrayKeyExists},
	"array_map":               {2, 2, arrayMap},
	"array_filter":            {1, 3, arrayFilter},
	"in_array":                {2, 3, func(c *invocation) Value { return c.search(func(*element) Value { return true }) }},
	"array_search":            {2, 3, func(c *invocation) Value { return c.search(func(e *element) Value { return e.key }) }},

	"intval":     {1, 2, intval},
	"floatval":   {1, 1, func(c *invocation) Value { return toFloat(c.values[0]) }},
	"boolval":    {1, 1, func(c *invocation) Value { return toBool(c.values[0]) }},
	"strval":     {1, 1, func(c *invocation) Value { return c.text(c.values[0]) }},
	"is_null":    isOf("null"),
	"is_bool":    isOf("bool"),
	"is_int":     isOf("int"),
	"is_float":   isOf("float"),
	"is_string":  isOf("string"),
	"is_array":   isOf("array"),
	"is_scalar":  isOf("bool", "int", "float", "string"),
	"is_numeric": {1, 1, isNumeric},
}

func intval(c *invocation) Value {
	if c.intOr(1, 10) != 10 {
		return c.unknown("intval() with another base is not evaluated")
	}
	return toInt(c.values[0])
}

func isOf(types ...string) builtin {
	return builtin{1, 1, func(c *invocation) Value { return slices.Contains(types, typeName(c.values[0])) }}
}

func isNumeric(c *invocation) Value {
	s, isString := c.values[0].(string)
	if !isString {
		return slices.Contains([]string{"int", "float"}, typeName(c.values[0]))
	}
	_, isNumber := numeric(s)
	return isNumber
}

// listed makes a list of something of each element.
func (c *invocation) listed(of func(*element) Value) Value {
	list := &Array{}
	for element := range c.array(0).all() {
		c.appendTo(list, of(element), element.at)
	}
	return list
}

// mergeInto is array_merge of two: string keys replace, integer keys are numbered anew.
func mergeInto(into, from *Array) {
	for element := range from.all() {
		if _, isString := element.key.(string); isString {
			into.set(element.key, element.value, element.at)
		} else {
			into.append(element.value, element.at)
		}
	}
}

func arrayMerge(c *invocation) Value {
	if len(c.values) == 2 {
		first, second := c.array(0), c.array(1)
		switch {
		case first.Len() == 0 && keepsKeys(second):
			return second
		case first.Len() > 0 && second.Len() == 0 && keepsKeys(first):
			return first
		}
	}
	merged := &Array{}
	for i := range c.values {
		c.spendCopies(c.array(i))
		mergeInto(merged, c.array(i))
	}
	return merged
}

// keepsKeys says whether array_merge leaves an array as it is when there is nothing to merge, the next free index included.
func keepsKeys(a *Array) bool {
	return !a.sparse || !slices.ContainsFunc(a.elements, func(e element) bool { _, isInt := e.key.(int64); return isInt })
}

func arrayMergeRecursive(c *invocation) Value {
	merged := &Array{}
	for i := range c.values {
		c.mergeDeep(merged, c.array(i))
	}
	return merged
}

func (c *invocation) mergeDeep(into, from *Array) {
	c.descend()
	for element := range from.all() {
		key, isString := element.key.(string)
		old := into.find(element.key)
		switch {
		case !isString:
			c.appendTo(into, element.value, element.at)
		case old == nil:
			c.set(into, key, element.value, element.at)
		default:
			both := c.listOf(old.value).clone()
			c.spendCopies(both)
			c.mergeDeep(both, c.listOf(element.value))
			into.unclear = into.unclear || both.unclear
			c.set(into, key, both, element.at)
		}
	}
	c.depth--
}

// listOf makes an array of a single value.
func (c *invocation) listOf(v Value) *Array {
	if a, isArray := v.(*Array); isArray {
		return a
	}
	c.budget.spend(elementCost)
	return newList(c.here, v)
}

func arrayReplace(c *invocation) Value {
	result := c.array(0).clone()
	c.spendCopies(result)
	for i := range c.values[1:] {
		for element := range c.array(i + 1).all() {
			c.set(result, element.key, element.value, element.at)
		}
	}
	return result
}

func arrayReplaceRecursive(c *invocation) Value {
	result := c.array(0)
	for i := range c.values[1:] {
		result = c.replaceDeep(result, c.array(i+1))
	}
	return result
}

func (c *invocation) replaceDeep(base, with *Array) *Array {
	c.descend()
	c.spendCopies(base)
	result := base.clone()
	for element := range with.all() {
		v := element.value
		inner, isArray := v.(*Array)
		if old := result.find(element.key); old != nil && isArray {
			switch previous := old.value.(type) {
			case *Array:
				v = c.replaceDeep(previous, inner)
			case unknown:
				v = previous // whether the arrays are combined or one replaces the other is not known, either
			}
		}
		c.set(result, element.key, v, element.at)
	}
	c.depth--
	return result
}

func arrayKeyExists(c *invocation) Value { return c.array(1).find(c.key(c.values[0])) != nil }

func arrayMap(c *invocation) Value {
	if c.values[0] == nil {
		return c.array(1)
	}
	mapped := &Array{}
	for element := range c.array(1).all() {
		c.set(mapped, element.key, c.callback(c.values[0], []Value{share(element.value)}), element.at)
	}
	return mapped
}

func arrayFilter(c *invocation) Value {
	const useKey, useBoth = 2, 1
	kept := &Array{}
	for element := range c.array(0).all() {
		v := share(element.value)
		if c.optional(1) {
			arguments := []Value{v}
			switch c.intOr(2, 0) {
			case useKey:
				arguments[0] = element.key
			case useBoth:
				arguments = append(arguments, element.key)
			}
			v = c.callback(c.values[1], arguments)
		}
		if u, isUnknown := v.(unknown); isUnknown {
			return u
		}
		if toBool(v) {
			c.set(kept, element.key, element.value, element.at)
		}
	}
	return kept
}

// search gives what is made of the first element that equals the first argument, or false.
func (c *invocation) search(found func(*element) Value) Value {
	op := "=="
	if c.boolOr(2, false) {
		op = "==="
	}
	for e := range c.array(1).all() {
		switch equal := c.compareWith(op, c.values[0], e.value); equal {
		case true:
			return found(e)
		case false:
		default:
			return equal
		}
	}
	return false
}
