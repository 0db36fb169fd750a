package php

var arrayFunctions = map[string]builtin{
	"count":                   {1, 2, count, true},
	"sizeof":                  {1, 2, count, true},
	"array_keys":              {1, 1, arrayKeys, true},
	"array_values":            {1, 1, arrayValues, true},
	"array_merge":             {0, -1, arrayMerge, true},
	"array_merge_recursive":   {0, -1, arrayMergeRecursive, false},
	"array_replace":           {1, -1, arrayReplace, true},
	"array_replace_recursive": {1, -1, arrayReplaceRecursive, true},
	"array_key_exists":        {2, 2, arrayKeyExists, true},
	"key_exists":              {2, 2, arrayKeyExists, true},
	"array_key_first":         {1, 1, func(c *invocation) Value { return edge(c.array(0), true, true) }, true},
	"array_key_last":          {1, 1, func(c *invocation) Value { return edge(c.array(0), false, true) }, true},
	"array_is_list":           {1, 1, func(c *invocation) Value { return c.array(0).IsList() }, true},
	"array_slice":             {2, 4, arraySlice, true},
	"array_reverse":           {1, 2, arrayReverse, true},
	"array_combine":           {2, 2, arrayCombine, true},
	"array_fill":              {3, 3, arrayFill, true},
	"array_fill_keys":         {2, 2, arrayFillKeys, true},
	"array_pad":               {3, 3, arrayPad, true},
	"array_chunk":             {2, 3, arrayChunk, true},
	"array_diff_key":          {1, -1, func(c *invocation) Value { return c.selected(hasKey, false) }, true},
	"array_intersect_key":     {1, -1, func(c *invocation) Value { return c.selected(hasKey, true) }, true},
	"array_diff":              {1, -1, func(c *invocation) Value { return c.selectValues(false) }, false},
	"array_intersect":         {1, -1, func(c *invocation) Value { return c.selectValues(true) }, false},
	"array_flip":              {1, 1, arrayFlip, false},
	"array_unique":            {1, 1, arrayUnique, false},
	"array_column":            {2, 3, arrayColumn, false},
	"array_sum":               {1, 1, arraySum, false},
	"array_change_key_case":   {1, 2, arrayChangeKeyCase, true},
	"in_array":                {2, 3, inArray, false},
	"array_search":            {2, 3, arraySearch, false},
	"range":                   {2, 3, numbers, false},
}

func count(c *invocation) Value {
	if c.intOr(1, 0) == 1 {
		return countDeep(c.array(0))
	}
	return int64(c.array(0).Len())
}

func countDeep(a *Array) int64 {
	n := int64(a.Len())
	for element := range a.all() {
		if inner, isArray := element.value.(*Array); isArray {
			n += countDeep(inner)
		}
	}
	return n
}

func arrayKeys(c *invocation) Value {
	a := c.array(0)
	keys := c.copied(a.Len())
	for element := range a.all() {
		keys.append(element.key, element.at)
	}
	return keys
}

func arrayValues(c *invocation) Value {
	a := c.array(0)
	list := c.copied(a.Len())
	for element := range a.all() {
		list.append(element.value, element.at)
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
		from := c.array(i)
		c.spendCopies(from)
		mergeInto(merged, from)
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

// edge returns the first or last key or value of an array, or nil.
func edge(a *Array, first, key bool) Value {
	var found *element
	for element := range a.all() {
		found = element
		if first {
			break
		}
	}
	switch {
	case found == nil:
		return nil
	case key:
		return found.key
	}
	return found.value
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
	i := int64(0)
	for element := range a.all() {
		if i >= start && i < end {
			c.keep(part, element, keepKeys)
		}
		i++
	}
	return part
}

// keep copies an element. Its integer key is kept or given up.
func (c *invocation) keep(a *Array, from *element, keepKey bool) {
	if _, isString := from.key.(string); isString || keepKey {
		c.put(a, from.key, from)
	} else {
		c.appendTo(a, from.value, from.at)
	}
}

func arrayReverse(c *invocation) Value {
	a := c.array(0)
	var elements []*element
	c.budget.spend(a.Len() * 8)
	for element := range a.all() {
		elements = append(elements, element)
	}
	reversed := &Array{}
	for i := len(elements) - 1; i >= 0; i-- {
		c.keep(reversed, elements[i], c.boolOr(1, false))
	}
	return reversed
}

func arrayCombine(c *invocation) Value {
	keys, from := c.array(0), values(c.array(1))
	if keys.Len() != len(from) {
		c.throw("ValueError", "array_combine(): different numbers of keys and values")
	}
	result := &Array{}
	i := 0
	for element := range keys.all() {
		if u, isUnknown := element.value.(unknown); isUnknown {
			return u
		}
		c.set(result, stringKey(c.text(element.value)), from[i], element.at)
		i++
	}
	return result
}

func arrayFill(c *invocation) Value {
	start, n := c.int(0), c.int(1)
	if n < 0 || start < 0 || n > maxStringSize {
		return c.unknown("array_fill() of this size is not evaluated")
	}
	result := &Array{}
	for i := range n {
		c.set(result, start+i, c.values[2], c.here)
	}
	return result
}

func arrayFillKeys(c *invocation) Value {
	result := &Array{}
	for element := range c.array(0).all() {
		switch key := element.value.(type) {
		case unknown:
			return key
		case int64:
			c.set(result, key, c.values[1], element.at)
		default:
			c.set(result, stringKey(c.text(key)), c.values[1], element.at)
		}
	}
	return result
}

func arrayPad(c *invocation) Value {
	a, size := c.array(0), c.int(1)
	missing := max(size, -size) - int64(a.Len())
	if missing > maxStringSize || size == -size && size != 0 {
		return c.unknown("array_pad() of this size is not evaluated")
	}
	if missing <= 0 {
		return a // with its keys, which are made anew otherwise
	}
	padded := &Array{}
	fill := func() {
		for range missing {
			c.appendTo(padded, c.values[2], c.here)
		}
	}
	if size < 0 {
		fill()
	}
	for element := range a.all() {
		c.keep(padded, element, false)
	}
	if size > 0 {
		fill()
	}
	return padded
}

func arrayChunk(c *invocation) Value {
	size := c.int(1)
	if size < 1 {
		c.throw("ValueError", "array_chunk(): a chunk has at least one element")
	}
	chunks := &Array{}
	var chunk *Array
	for element := range c.array(0).all() {
		if chunk == nil {
			chunk = &Array{}
		}
		if c.boolOr(2, false) {
			c.put(chunk, element.key, element)
		} else {
			c.appendTo(chunk, element.value, element.at)
		}
		if int64(chunk.Len()) == size {
			c.appendTo(chunks, chunk, element.at)
			chunk = nil
		}
	}
	if chunk != nil {
		c.appendTo(chunks, chunk, c.here)
	}
	return chunks
}

func hasKey(a *Array, e *element) bool { return a.find(e.key) != nil }

// selected keeps the elements of the first array that all others have, or that no other has.
func (c *invocation) selected(has func(a *Array, e *element) bool, wanted bool) Value {
	result := &Array{}
	for element := range c.array(0).all() {
		keep := true
		for i := range c.values[1:] {
			c.budget.step(1)
			keep = keep && has(c.array(i+1), element) == wanted
		}
		if keep {
			c.put(result, element.key, element)
		}
	}
	return result
}

// selectValues compares values as strings.
func (c *invocation) selectValues(wanted bool) Value {
	sets := map[*Array]map[string]bool{}
	for i := range c.values[1:] {
		a := c.array(i + 1)
		c.budget.spend(a.Len() * indexCost)
		set := map[string]bool{}
		for element := range a.all() {
			set[c.text(element.value)] = true
		}
		sets[a] = set
	}
	return c.selected(func(a *Array, e *element) bool { return sets[a][c.text(e.value)] }, wanted)
}

func arrayFlip(c *invocation) Value {
	flipped := &Array{}
	for element := range c.array(0).all() {
		switch v := element.value.(type) {
		case int64:
			c.set(flipped, v, element.key, element.at)
		case string:
			c.set(flipped, stringKey(v), element.key, element.at)
		}
	}
	return flipped
}

func arrayUnique(c *invocation) Value {
	a := c.array(0)
	seen := map[string]bool{}
	result := &Array{}
	for element := range a.all() {
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

func arrayColumn(c *invocation) Value {
	if c.values[1] == nil || c.has(2) {
		return c.unknown("array_column() in this form is not evaluated")
	}
	key, valid := arrayKey(c.values[1])
	if !valid {
		c.wrong(1, "string|int|null")
	}
	column := &Array{}
	for element := range c.array(0).all() {
		row, isArray := element.value.(*Array)
		if !isArray {
			continue
		}
		if found := row.find(key); found != nil {
			c.appendTo(column, found.value, found.at)
		}
	}
	return column
}

func arraySum(c *invocation) Value {
	var sum Value = int64(0)
	for element := range c.array(0).all() {
		switch v := element.value.(type) {
		case int64, float64:
			sum = c.must(arithmetic("+", sum, v))
		default:
			return c.unknown("array_sum() of other values than numbers is not evaluated")
		}
	}
	return sum
}

func arrayChangeKeyCase(c *invocation) Value {
	fold := lowered
	if c.intOr(1, 0) == 1 {
		fold = func(s string) string { return mapBytes(s, lower, upper) }
	}
	result := &Array{}
	for element := range c.array(0).all() {
		key := element.key
		if s, isString := key.(string); isString {
			key = fold(s)
		}
		c.put(result, key, element)
	}
	return result
}

func inArray(c *invocation) Value {
	found := c.search()
	if found == nil {
		return false
	}
	if u, isUnknown := found.value.(unknown); isUnknown {
		return u
	}
	return true
}

func arraySearch(c *invocation) Value {
	found := c.search()
	if found == nil {
		return false
	}
	if u, isUnknown := found.value.(unknown); isUnknown {
		return u
	}
	return found.key
}

// search finds the first element that equals the first argument. A comparison that is not evaluated comes as an unknown value.
func (c *invocation) search() *element {
	op := "=="
	if c.boolOr(2, false) {
		op = "==="
	}
	for e := range c.array(1).all() {
		switch equal := c.compareWith(op, c.values[0], e.value).(type) {
		case unknown:
			return &element{value: equal}
		case bool:
			if equal {
				return e
			}
		}
	}
	return nil
}

// numbers is range of integers.
func numbers(c *invocation) Value {
	first, isInt := c.values[0].(int64)
	last, lastIsInt := c.values[1].(int64)
	step := int64(1)
	if c.has(2) {
		var stepIsInt bool
		step, stepIsInt = c.values[2].(int64)
		lastIsInt = lastIsInt && stepIsInt
	}
	if !isInt || !lastIsInt || step < 1 || max(first, -first, last, -last) > 1<<40 {
		return c.unknown("range() of other values than integers is not evaluated")
	}
	if step > max(first-last, last-first) && first != last {
		return c.unknown("range() with a step that is too large is not evaluated")
	}
	list := &Array{}
	for n := first; ; {
		c.appendTo(list, n, c.here)
		c.budget.step(1)
		if first <= last {
			n += step
		} else {
			n -= step
		}
		if n > max(first, last) || n < min(first, last) {
			return list
		}
	}
}

// The functions that change an array that is handed to them.
var byReference = map[string]func(e *evaluator, a *Array, rest []given) (result Value, changed *Array){
	"array_push":    push,
	"array_unshift": unshift,
	"array_pop":     pop,
	"array_shift":   shift,
	"reset":         func(_ *evaluator, a *Array, _ []given) (Value, *Array) { return orFalse(a, true), a },
	"end":           func(_ *evaluator, a *Array, _ []given) (Value, *Array) { return orFalse(a, false), a },
	"sort":          sorter(byValue, 1, false),
	"rsort":         sorter(byValue, -1, false),
	"asort":         sorter(byValue, 1, true),
	"arsort":        sorter(byValue, -1, true),
	"ksort":         sorter(byKey, 1, true),
	"krsort":        sorter(byKey, -1, true),
}

func orFalse(a *Array, first bool) Value {
	if a.Len() == 0 {
		return false
	}
	return edge(a, first, false)
}

// callByReference calls one of byReference with the variable or element that its first argument names.
func (e *evaluator) callByReference(by func(*evaluator, *Array, []given) (Value, *Array), x *call) Value {
	name := e.lower(x.name)
	if len(x.arguments) == 0 {
		e.throw("ArgumentCountError", name+"() got a wrong number of arguments")
	}
	if target := x.arguments[0].value; isTarget(target) {
		e.update(e.place(target), func(old Value) Value { return old }) // makes it null where it is not there
	}
	arguments := e.arguments(x.arguments)
	e.here.line = x.line
	first := arguments[0]
	if first.from == nil || first.name != "" {
		e.giveUp(name + "() in this form is not evaluated")
	}
	if u, isUnknown := first.value.(unknown); isUnknown {
		return e.mayThrow(u)
	}
	if isObject(first.value) {
		return e.mayThrow(e.unknown(name + "() of an object is not evaluated"))
	}
	a, isArray := first.value.(*Array)
	if !isArray {
		e.throw("TypeError", name+"(): an argument must be of type array, "+typeName(first.value)+" given")
	}
	e.spendCopies(a)
	e.budget.spend(a.Len() * elementCost) // for sorting
	e.budget.step(4 * a.Len())
	result, changed := by(e, a, arguments[1:])
	if changed == a || !isTarget(first.from) {
		return result
	}
	var v Value = changed
	if changed == nil {
		v = result // the call cannot be evaluated, and so the array is not known either
	}
	e.update(e.place(first.from), func(Value) Value { return v })
	return result
}

func push(e *evaluator, a *Array, rest []given) (Value, *Array) {
	changed := a.clone()
	for _, v := range rest {
		e.appendTo(changed, v.value, e.here)
	}
	return int64(changed.Len()), changed
}

func unshift(e *evaluator, a *Array, rest []given) (Value, *Array) {
	changed := &Array{}
	for _, v := range rest {
		e.appendTo(changed, v.value, e.here)
	}
	mergeInto(changed, a)
	return int64(changed.Len()), changed
}

func pop(_ *evaluator, a *Array, _ []given) (Value, *Array) {
	changed := a.clone()
	if changed.Len() == 0 {
		return nil, changed
	}
	last, key := edge(a, false, false), edge(a, false, true)
	changed.remove(key)
	if key == changed.next-1 {
		changed.next--
	}
	return last, changed
}

func shift(_ *evaluator, a *Array, _ []given) (Value, *Array) {
	changed := &Array{}
	var first *element
	for element := range a.all() {
		if first == nil {
			first = element
			continue
		}
		if _, isString := element.key.(string); isString {
			changed.set(element.key, element.value, element.at)
		} else {
			changed.append(element.value, element.at)
		}
	}
	if first == nil {
		return nil, changed
	}
	return first.value, changed
}
