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
	"array_key_first":         {1, 1, func(c *invocation) Value { return keyAt(c.array(0), 0) }},
	"array_key_last":          {1, 1, func(c *invocation) Value { return keyAt(c.array(0), c.array(0).Len()-1) }},
	"array_is_list":           {1, 1, func(c *invocation) Value { return c.array(0).IsList() }},
	"array_slice":             {2, 4, arraySlice},
	"array_reverse":           {1, 2, arrayReverse},
	"array_chunk":             {2, 3, arrayChunk},
	"array_combine":           {2, 2, arrayCombine},
	"array_fill_keys":         {2, 2, func(c *invocation) Value { return c.keyed(func(int) Value { return c.values[1] }) }},
	"array_flip":              {1, 1, arrayFlip},
	"array_unique":            {1, 1, arrayUnique},
	"array_column":            {2, 2, arrayColumn},
	"array_diff":              {1, -1, func(c *invocation) Value { return c.selected(false, c.valueText) }},
	"array_intersect":         {1, -1, func(c *invocation) Value { return c.selected(true, c.valueText) }},
	"array_diff_key":          {1, -1, func(c *invocation) Value { return c.selected(false, keyText) }},
	"array_intersect_key":     {1, -1, func(c *invocation) Value { return c.selected(true, keyText) }},
	"in_array":                {2, 3, func(c *invocation) Value { return c.search(func(*element) Value { return true }) }},
	"array_search":            {2, 3, func(c *invocation) Value { return c.search(func(e *element) Value { return e.key }) }},
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
			c.put(into, nil, element.value, element.at)
		case old == nil:
			c.put(into, key, element.value, element.at)
		default:
			both := c.listOf(old.value).clone()
			c.spendCopies(both)
			c.mergeDeep(both, c.listOf(element.value))
			into.unclear = into.unclear || both.unclear
			c.put(into, key, both, element.at)
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
			c.put(result, element.key, element.value, element.at)
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
		c.put(result, element.key, v, element.at)
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
		c.put(mapped, element.key, c.callback(c.values[0], []Value{share(element.value)}), element.at)
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
			c.put(kept, element.key, element.value, element.at)
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

func keyAt(a *Array, i int) Value {
	if a.Len() == 0 {
		return nil
	}
	return a.elements[i].key
}

// keep copies an element. Its integer key is kept or given up.
func (c *invocation) keep(a *Array, from *element, keepKey bool) {
	if _, isString := from.key.(string); isString || keepKey {
		c.put(a, from.key, from.value, from.at)
	} else {
		c.put(a, nil, from.value, from.at)
	}
}

func arraySlice(c *invocation) Value {
	a, length := c.array(0), int64(c.array(0).Len())
	if c.optional(2) {
		length = c.int(2)
	}
	start, end := span(int64(a.Len()), c.int(1), length)
	part, keepKeys := &Array{}, c.boolOr(3, false)
	for i := range a.elements[start:end] {
		c.keep(part, &a.elements[start:end][i], keepKeys)
	}
	return part
}

func arrayReverse(c *invocation) Value {
	a, reversed, keepKeys := c.array(0), &Array{}, c.boolOr(1, false)
	for i := range a.elements {
		c.keep(reversed, &a.elements[a.Len()-1-i], keepKeys)
	}
	return reversed
}

func arrayChunk(c *invocation) Value {
	size, chunks, chunk := c.int(1), &Array{}, &Array{}
	if size < 1 {
		c.throw("ValueError", "array_chunk(): a chunk has at least one element")
	}
	a, keepKeys := c.array(0), c.boolOr(2, false)
	for i, element := range a.elements {
		if keepKeys {
			c.put(chunk, element.key, element.value, element.at)
		} else {
			c.put(chunk, nil, element.value, element.at)
		}
		if int64(chunk.Len()) == size || i == a.Len()-1 {
			c.budget.spend(objectCost)
			c.put(chunks, nil, chunk, c.here)
			chunk = &Array{}
		}
	}
	return chunks
}

func arrayCombine(c *invocation) Value {
	from := c.array(1)
	if c.array(0).Len() != from.Len() {
		c.throw("ValueError", "array_combine(): different numbers of keys and values")
	}
	return c.keyed(func(i int) Value { return from.elements[i].value })
}

// keyed makes an array of which the keys are the values of the first argument.
func (c *invocation) keyed(value func(i int) Value) Value {
	result := &Array{}
	for i, element := range c.array(0).elements {
		c.put(result, stringKey(c.valueText(&element)), value(i), element.at)
	}
	return result
}

func arrayFlip(c *invocation) Value {
	flipped := &Array{}
	for element := range c.array(0).all() {
		if kind := typeName(element.value); kind == "int" || kind == "string" {
			c.put(flipped, c.key(element.value), element.key, element.at)
		}
	}
	return flipped
}

func arrayUnique(c *invocation) Value {
	seen, result := map[string]bool{}, &Array{}
	for element := range c.array(0).all() {
		if text := c.valueText(element); !seen[text] {
			seen[text] = true
			c.put(result, element.key, element.value, element.at)
		}
	}
	return result
}

func arrayColumn(c *invocation) Value {
	column := &Array{}
	kind := typeName(c.values[1])
	for element := range c.array(0).all() {
		if isObject(element.value) || kind != "int" && kind != "string" {
			return c.unknown("array_column() in this form is not evaluated")
		}
		if row, isArray := element.value.(*Array); isArray && row.find(c.key(c.values[1])) != nil {
			c.put(column, nil, row.find(c.key(c.values[1])).value, element.at)
		}
	}
	return column
}

// valueText is a value as a string, by which some functions compare. It is accounted for twice, as a key of an index.
func (c *invocation) valueText(e *element) string {
	c.budget.spend(2 * indexCost)
	return c.text(e.value)
}

func keyText(e *element) string { return toString(e.key) }

// selected keeps the elements of the first array that all others have, or that no other has.
func (c *invocation) selected(wanted bool, text func(*element) string) Value {
	sets := make([]map[string]bool, len(c.values))
	for i := range c.values {
		c.budget.spend(64 + c.array(i).Len()*2*indexCost)
		sets[i] = map[string]bool{}
		for element := range c.array(i).all() {
			sets[i][text(element)] = true
		}
	}
	result := &Array{}
	for element := range c.array(0).all() {
		c.budget.step(len(sets))
		name := text(element)
		if !slices.ContainsFunc(sets[1:], func(set map[string]bool) bool { return set[name] != wanted }) {
			c.put(result, element.key, element.value, element.at)
		}
	}
	return result
}
