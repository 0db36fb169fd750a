package php

import (
	"math"
)

var arrayFunctions = map[string]builtin{
	"count":                   {1, 1, func(c *invocation) Value { return int64(c.array(0).Len()) }},
	"array_keys":              {1, 1, arrayKeys},
	"array_values":            {1, 1, func(c *invocation) Value { return newList(c.here, c.valuesOf(c.array(0))...) }},
	"array_merge":             {0, -1, arrayMerge},
	"array_merge_recursive":   {0, -1, arrayMergeRecursive},
	"array_replace":           {1, -1, arrayReplace},
	"array_replace_recursive": {1, -1, arrayReplaceRecursive},
	"array_key_exists":        {2, 2, arrayKeyExists},
	"array_key_first":         {1, 1, func(c *invocation) Value { return edge(c.array(0), 0) }},
	"array_key_last":          {1, 1, func(c *invocation) Value { return edge(c.array(0), c.array(0).Len()-1) }},
	"array_is_list":           {1, 1, func(c *invocation) Value { return c.array(0).IsList() }},
	"array_map":               {2, 2, arrayMap},
	"array_filter":            {1, 3, arrayFilter},
	"array_combine":           {2, 2, arrayCombine},
	"array_unique":            {1, 1, arrayUnique},
	"array_slice":             {2, 4, arraySlice},
	"in_array":                {2, 3, func(c *invocation) Value { return c.search(func(*element) Value { return true }) }},
	"array_search":            {2, 3, func(c *invocation) Value { return c.search(func(e *element) Value { return e.key }) }},
	"min":                     {1, -1, func(c *invocation) Value { return c.extreme(-1) }},
	"max":                     {1, -1, func(c *invocation) Value { return c.extreme(1) }},
	"call_user_func":          {1, -1, func(c *invocation) Value { return c.callback(c.values[0], c.values[1:]) }},
}

func arrayKeys(c *invocation) Value {
	keys := &Array{}
	for element := range c.array(0).all() {
		c.appendTo(keys, element.key, element.at)
	}
	return keys
}

// valuesOf lists the values of an array.
func (c *invocation) valuesOf(a *Array) []Value {
	c.budget.spend(a.Len() * (elementCost + 16))
	list := make([]Value, 0, a.Len())
	for element := range a.all() {
		list = append(list, element.value)
	}
	return list
}

func edge(a *Array, i int) Value {
	if a.Len() == 0 {
		return nil
	}
	return a.elements[i].key
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
	if !a.sparse {
		return true
	}
	for key := range a.All() {
		if _, isInt := key.(int64); isInt {
			return false
		}
	}
	return true
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
			if both.unclear {
				into.unclear = true
			}
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
			c.put(result, element.key, element)
		}
	}
	return result
}

func arrayReplaceRecursive(c *invocation) Value {
	var result Value = c.array(0)
	for i := range c.values[1:] {
		result = c.replaceDeep(result.(*Array), c.array(i+1))
	}
	return result
}

func (c *invocation) replaceDeep(base, with *Array) *Array {
	c.descend()
	c.spendCopies(base)
	result := base.clone()
	for element := range with.all() {
		old := result.find(element.key)
		inner, replacesByArray := element.value.(*Array)
		if old == nil || !replacesByArray {
			c.put(result, element.key, element)
			continue
		}
		switch previous := old.value.(type) {
		case *Array:
			c.set(result, element.key, c.replaceDeep(previous, inner), element.at)
		case unknown:
			// Whether the arrays are combined or one replaces the other is not known, either.
		default:
			c.put(result, element.key, element)
		}
	}
	c.depth--
	return result
}

func arrayKeyExists(c *invocation) Value {
	key, valid := arrayKey(c.values[0])
	if !valid {
		c.wrong(0, "string|int")
	}
	return c.array(1).find(key) != nil
}

func arrayMap(c *invocation) Value {
	if c.values[0] == nil {
		return c.values[1]
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
			c.put(kept, element.key, element)
		}
	}
	return kept
}

func arrayCombine(c *invocation) Value {
	keys, values := c.valuesOf(c.array(0)), c.valuesOf(c.array(1))
	if len(keys) != len(values) {
		c.throw("ValueError", "array_combine(): different numbers of keys and values")
	}
	result := &Array{}
	for i, key := range keys {
		c.set(result, stringKey(c.text(key)), values[i], c.here)
	}
	return result
}

func arrayUnique(c *invocation) Value {
	seen := map[string]bool{}
	result := &Array{}
	for element := range c.array(0).all() {
		switch element.value.(type) {
		case string, int64:
		default:
			return c.unknown("array_unique() of other values than strings and integers is not evaluated")
		}
		text := toString(element.value)
		if !seen[text] {
			c.budget.spend(indexCost)
			seen[text] = true
			c.put(result, element.key, element)
		}
	}
	return result
}

func arraySlice(c *invocation) Value {
	a := c.array(0)
	length := int64(a.Len())
	if c.optional(2) {
		length = c.int(2)
	}
	start, end := span(int64(a.Len()), c.int(1), length)
	keepKeys := c.boolOr(3, false)
	part := &Array{}
	for i := start; i < end; i++ {
		element := &a.elements[i]
		if _, isString := element.key.(string); isString || keepKeys {
			c.put(part, element.key, element)
		} else {
			c.appendTo(part, element.value, element.at)
		}
	}
	return part
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

// extreme is min or max of values that are all numbers, or all strings that are no numbers: others have no order that can be relied on.
func (c *invocation) extreme(sign int) Value {
	list := c.values
	if len(list) == 1 {
		list = c.valuesOf(c.array(0))
	}
	if len(list) == 0 {
		c.throw("ValueError", c.name+"() of nothing")
	}
	best, numbers, texts := list[0], 0, 0
	for _, v := range list {
		switch v := v.(type) {
		case int64:
			numbers++
		case float64:
			if !math.IsNaN(v) {
				numbers++
			}
		case string:
			if _, isNumber := numeric(v); !isNumber {
				texts++
			}
		}
		if numbers == 0 && texts == 0 || numbers*texts > 0 {
			break
		}
		if compare(v, best) == sign {
			best = v
		}
	}
	if max(numbers, texts) < len(list) {
		return c.unknown(c.name + "() of values of different types is not evaluated")
	}
	return best
}
