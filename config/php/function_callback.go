package php

var callbackFunctions = map[string]builtin{
	"array_map":            {2, -1, arrayMap, false},
	"array_filter":         {1, 3, arrayFilter, false},
	"array_reduce":         {2, 3, arrayReduce, false},
	"call_user_func":       {1, -1, callUserFunc, false},
	"call_user_func_array": {2, 2, callUserFuncArray, false},
}

// apply calls the callback that is the i-th argument.
func (c *invocation) apply(i int, arguments ...Value) Value {
	list := make([]given, len(arguments))
	for j, v := range arguments {
		list[j].value = v
	}
	c.budget.spend(len(list) * 48)
	return c.callback(c.values[i], list)
}

func arrayMap(c *invocation) Value {
	if len(c.values) != 2 || c.values[0] == nil {
		return c.unknown("array_map() of several arrays is not evaluated")
	}
	from := c.array(1)
	mapped := &Array{}
	for element := range from.all() {
		c.set(mapped, element.key, c.apply(0, element.value), element.at)
	}
	return mapped
}

func arrayFilter(c *invocation) Value {
	kept := &Array{}
	for element := range c.array(0).all() {
		v := element.value
		if c.optional(1) {
			switch c.intOr(2, 0) {
			case 0:
				v = c.apply(1, element.value)
			case 1:
				v = c.apply(1, element.value, element.key)
			case 2:
				v = c.apply(1, element.key)
			default:
				return c.unknown("array_filter() with this mode is not evaluated")
			}
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

func arrayReduce(c *invocation) Value {
	var carry Value
	if c.has(2) {
		carry = c.values[2]
	}
	for element := range c.array(0).all() {
		carry = c.apply(1, carry, element.value)
	}
	return carry
}

func callUserFunc(c *invocation) Value { return c.apply(0, c.values[1:]...) }

func callUserFuncArray(c *invocation) Value {
	var list []given
	for element := range c.array(1).all() {
		name, _ := element.key.(string)
		list = append(list, given{name: name, value: element.value})
	}
	c.budget.spend(len(list) * 48)
	return c.callback(c.values[0], list)
}
