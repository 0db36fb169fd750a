package php

import "slices"

var arrayFunctions = map[string]builtin{
	"count":                   {1, 1, func(c *invocation) Value { return int64(c.array(0).Len()) }},
	"array_keys":              {1, 1, func(c *invocation) Value { return c.listed(func(e *element) Value { return e.key }) }},
	"array_values":            {1, 1, func(c *invocation) Value { return c.listed(func(e *element) Value { return e.value }) }},
	"array_merge":             {0, -1, arrayMerge},
	"array_replace":           {1, -1, func(c *invocation) Value { return c.replaced(false) }},
	"array_replace_recursive": {1, -1, func(c *invocation) Value { return c.replaced(true) }},
	"array_key_exists":        {2, 2, func(c *invocation) Value { return c.array(1).find(c.key(c.values[0])) != nil }},
	"array_filter":            {1, 3, arrayFilter},
}

// listed makes a list of something of each element.
func (c *invocation) listed(of func(*element) Value) Value {
	list := &Array{}
	for element := range c.array(0).all() {
		c.put(list, nil, of(element), element.at)
	}
	return list
}

// mergeInto is array_merge of two: string keys replace, integer keys are numbered anew.
func mergeInto(into, from *Array) {
	for element := range from.all() {
		if name := element.name(); name != nil {
			into.set(name, element.value, element.at)
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
	return !a.sparse || !slices.ContainsFunc(a.elements, func(e element) bool { return e.name() == nil })
}

// replaced is the first argument with the elements of the others in the place of its own.
func (c *invocation) replaced(deep bool) Value {
	result := c.array(0)
	for i := range c.values[1:] {
		result = c.replace(result, c.array(i+1), deep)
	}
	return result
}

func (c *invocation) replace(base, with *Array, deep bool) *Array {
	c.descend()
	c.spendCopies(base)
	result := base.clone()
	for element := range with.all() {
		v := element.value
		inner, isArray := v.(*Array)
		if old := result.find(element.key); old != nil && isArray && deep {
			switch previous := old.value.(type) {
			case *Array:
				v = c.replace(previous, inner, deep)
			case unknown:
				v = previous // whether the arrays are combined or one replaces the other is not known, either
			}
		}
		c.put(result, element.key, v, element.at)
	}
	c.depth--
	return result
}

func arrayFilter(c *invocation) Value {
	kept, mode := &Array{}, c.intOr(2, 0)
	if mode < 0 || mode > 2 {
		mode = 0
	}
	if c.array(0).Len() == 0 && c.optional(1) && !c.onlyComputes(c.values[1]) {
		return c.unknown("array_filter() of nothing is not evaluated")
	}
	for element := range c.array(0).all() {
		v := share(element.value)
		if c.optional(1) {
			arguments := [][]Value{{v}, {v, element.key}, {element.key}}
			v = c.callValue(c.values[1], arguments[mode], nil)
		}
		if u, isUnknown := v.(unknown); isUnknown {
			return u
		}
		if Bool(v) {
			c.put(kept, element.key, element.value, element.at)
		}
	}
	return kept
}
