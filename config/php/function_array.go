package php

import "slices"

var arrayFunctions = map[string]builtin{
	"count":                   {1, 1, func(c *invocation) Value { return int64(c.array(0).Len()) }},
	"array_keys":              {1, 1, func(c *invocation) Value { return c.listed(func(e *element) Value { return e.key }) }},
	"array_values":            {1, 1, func(c *invocation) Value { return c.listed(func(e *element) Value { return e.value }) }},
	"array_merge":             {0, -1, arrayMerge},
	"array_merge_recursive":   {0, -1, arrayMergeRecursive},
	"array_replace":           {1, -1, func(c *invocation) Value { return c.replaced(false) }},
	"array_replace_recursive": {1, -1, func(c *invocation) Value { return c.replaced(true) }},
	"array_key_exists":        {2, 2, func(c *invocation) Value { return c.array(1).find(c.key(c.values[0])) != nil }},
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

// keep stores an element of one array in another one. An integer key is kept or given up.
func (c *invocation) keep(into *Array, from *element, keepKey bool) {
	key := from.name()
	if keepKey {
		key = from.key
	}
	c.put(into, key, from.value, from.at)
}

// kept is what is left of the first argument.
func (c *invocation) kept(keeps func(*element) bool) *Array {
	result := &Array{}
	for element := range c.array(0).all() {
		if keeps(element) {
			c.keep(result, element, true)
		}
	}
	return result
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
		old := into.find(element.key)
		if old == nil || element.name() == nil {
			c.keep(into, element, false)
			continue
		}
		both := c.listOf(old.value).clone()
		c.spendCopies(both)
		c.mergeDeep(both, c.listOf(element.value))
		into.unclear = into.unclear || both.unclear
		c.put(into, element.key, both, element.at)
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

func arrayMap(c *invocation) Value {
	if c.values[0] == nil {
		return c.array(1)
	}
	mapped := &Array{}
	for element := range c.array(1).all() {
		c.put(mapped, element.key, c.callValue(c.values[0], []Value{share(element.value)}, nil), element.at)
	}
	return mapped
}

func arrayFilter(c *invocation) Value {
	mode := c.intOr(2, 0)
	if mode < 0 || mode > 2 {
		mode = 0
	}
	var doubt Value
	kept := c.kept(func(element *element) bool {
		v := share(element.value)
		if c.optional(1) {
			arguments := [][]Value{{v}, {v, element.key}, {element.key}}
			v = c.callValue(c.values[1], arguments[mode], nil)
		}
		if u, isUnknown := v.(unknown); isUnknown {
			doubt = u
		}
		return toBool(v)
	})
	if doubt != nil {
		return doubt
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
		equal := c.compareWith(op, c.values[0], e.value)
		if _, isUnknown := equal.(unknown); isUnknown {
			return equal
		}
		if equal == true {
			return found(e)
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

func arraySlice(c *invocation) Value {
	a, length := c.array(0), int64(c.array(0).Len())
	if c.optional(2) {
		length = c.int(2)
	}
	start, end := span(int64(a.Len()), c.int(1), length)
	part, keepKeys := &Array{}, c.boolOr(3, false)
	for ; start < end; start++ {
		c.keep(part, &a.elements[start], keepKeys)
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
	c.demand(size >= 1, "ValueError")
	keepKeys := c.boolOr(2, false)
	for i, element := range c.array(0).elements {
		if !keepKeys {
			element.key = int64(chunk.Len())
		}
		c.keep(chunk, &element, true)
		if int64(chunk.Len()) == size || i == c.array(0).Len()-1 {
			c.budget.spend(objectCost)
			c.put(chunks, nil, chunk, c.here)
			chunk = &Array{}
		}
	}
	return chunks
}

func arrayCombine(c *invocation) Value {
	from := c.array(1)
	c.demand(c.array(0).Len() == from.Len(), "ValueError")
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
	seen := map[string]bool{}
	return c.kept(func(element *element) bool {
		text := c.valueText(element)
		again := seen[text]
		seen[text] = true
		return !again
	})
}

func arrayColumn(c *invocation) Value {
	column := &Array{}
	kind := typeName(c.values[1])
	for element := range c.array(0).all() {
		if isObject(element.value) || kind != "int" && kind != "string" {
			return c.unknown("array_column() in this form is not evaluated")
		}
		row, isArray := element.value.(*Array)
		if !isArray {
			continue
		}
		if found := row.find(c.key(c.values[1])); found != nil {
			c.put(column, nil, found.value, element.at)
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
	return c.kept(func(element *element) bool {
		c.budget.step(len(sets))
		name := text(element)
		return !slices.ContainsFunc(sets[1:], func(set map[string]bool) bool { return set[name] != wanted })
	})
}
