package php

import (
	"iter"
	"math"
	"slices"
	"strconv"
)

// Array is PHP's ordered map. Its keys are int64 or string; a string that is a canonical decimal integer is the same key
// as that integer. The zero value is an empty array. Readers get it from [Evaluate] and cannot change it.
type Array struct {
	elements []element
	index    map[any]int // key → place in elements; nil while a scan or the list's order is faster
	next     int64       // the key that the next append takes, if numbered
	numbered bool        // there was an integer key
	sparse   bool        // the keys are not 0, 1, 2, … in this order
	depth    int         // at least how many arrays lie within each other here, this one included once it has elements
	shared   bool        // more than one variable holds it: to be copied before it is written
	opaque   bool        // an unknown value, an object or a function may be in it
	unclear  bool        // a key in it depends on PHP's version, so that nothing may be made of it
}

type element struct {
	key   any
	value Value
	at    origin
}

// name is the key of an element if it is a string, else nil: by which some functions number the others anew.
func (e *element) name() any {
	if text, isString := e.key.(string); isString {
		return text
	}
	return nil
}

// scanned is how many elements are searched one by one before an index pays.
const scanned = 8

// Costs in bytes, for the account of memory: with what growing leaves behind, and with what is behind an interface.
const (
	elementCost = 96
	indexCost   = 128
)

// Len is the number of elements.
func (a *Array) Len() int { return len(a.elements) }

// Get returns the value of key, which is an int, an int64 or a string.
func (a *Array) Get(key any) (Value, bool) {
	if n, isInt := key.(int); isInt {
		key = int64(n)
	}
	key, _ = arrayKey(key)
	e := a.find(key)
	if e == nil {
		return nil, false
	}
	return e.value, true
}

// All yields keys (int64 or string) and values in their order.
func (a *Array) All() iter.Seq2[any, Value] {
	return func(yield func(any, Value) bool) {
		for i := range a.elements {
			if e := &a.elements[i]; !yield(e.key, e.value) {
				return
			}
		}
	}
}

// all yields the elements.
func (a *Array) all() iter.Seq[*element] {
	return func(yield func(*element) bool) {
		for i := range a.elements {
			if !yield(&a.elements[i]) {
				return
			}
		}
	}
}

// find returns the element of a normalised key, or nil.
func (a *Array) find(key any) *element {
	if i, found := a.place(key); found {
		return &a.elements[i]
	}
	return nil
}

func (a *Array) place(key any) (int, bool) {
	switch {
	case !a.sparse:
		n, isInt := key.(int64)
		return int(n), isInt && n >= 0 && n < int64(len(a.elements))
	case a.index != nil:
		i, found := a.index[key]
		return i, found
	}
	for i := range a.elements {
		if a.elements[i].key == key {
			return i, true
		}
	}
	return 0, false
}

// set gives a normalised key a value. An existing key keeps its place in the order.
func (a *Array) set(key any, v Value, at origin) {
	a.note(v)
	if e := a.find(key); e != nil {
		e.value, e.at = v, at
		return
	}
	if n, isInt := key.(int64); isInt {
		a.sparse = a.sparse || n != int64(len(a.elements))
		if n >= a.next || !a.numbered {
			a.next = n + 1 // wraps round after the largest key; append looks at it
		}
		a.numbered = true
	} else {
		a.sparse = true
	}
	if len(a.elements) == cap(a.elements) {
		a.elements = slices.Grow(a.elements, len(a.elements)+1) // twice, where append would grow by a quarter, and more often
	}
	a.elements = append(a.elements, element{key, v, at})
	switch {
	case a.index != nil:
		a.index[key] = len(a.elements) - 1
	case a.sparse && len(a.elements) > scanned:
		a.reindex()
	}
}

// append adds v under the next free integer key. It reports false when there is none left. What follows a negative key is the next
// one from PHP 8.3 on, and 0 before.
func (a *Array) append(v Value, at origin) bool {
	if a.next == math.MinInt64 {
		return false
	}
	a.unclear = a.unclear || a.followsNegative()
	a.set(a.next, v, at)
	return true
}

func (a *Array) followsNegative() bool { return a.numbered && a.next < 0 }

// note keeps what an array knows of the values in it. Whoever stores an array shares it.
func (a *Array) note(v Value) {
	a.depth = max(a.depth, 1)
	switch v := v.(type) {
	case *Array:
		v.shared = true
		a.opaque = a.opaque || v.opaque
		a.depth = max(a.depth, v.depth+1)
	case *Object:
		a.opaque = true
		a.depth = max(a.depth, v.Properties.depth+2)
	case *closure, unknown:
		a.opaque = true
	}
}

func (a *Array) remove(key any) {
	i, found := a.place(key)
	if !found {
		return
	}
	a.sparse = a.sparse || i < len(a.elements)-1
	a.elements = slices.Delete(a.elements, i, i+1)
	if a.sparse && len(a.elements) > scanned {
		a.reindex()
	} else {
		a.index = nil
	}
}

func (a *Array) reindex() {
	a.index = make(map[any]int, 2*len(a.elements))
	for i := range a.elements {
		a.index[a.elements[i].key] = i
	}
}

// clone returns a copy of one level; deeper arrays are shared until they are written.
func (a *Array) clone() *Array {
	c := *a
	c.shared = false
	c.elements = append(make([]element, 0, len(a.elements)+1), a.elements...)
	for i := range c.elements {
		if inner, isArray := c.elements[i].value.(*Array); isArray {
			inner.shared = true
		}
	}
	if a.index != nil {
		c.reindex()
	}
	return &c
}

// stringKey turns a string into the key that PHP makes of it.
func stringKey(s string) any {
	if len(s) == 0 || len(s) > len("-9223372036854775808") {
		return s
	}
	if c := s[0]; c != '-' && (c < '0' || c > '9') {
		return s
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		return s
	}
	return n
}

// arrayKey turns any value into a key; false when PHP has none for it.
func arrayKey(v Value) (any, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case bool:
		return boolToInt(v), true
	case int64:
		return v, true
	case float64:
		return floatToInt(v), true
	case string:
		return stringKey(v), true
	}
	return nil, false
}

// newList makes an array of values, all written at the same place.
func newList(at origin, values ...Value) *Array {
	a := &Array{elements: make([]element, 0, len(values))}
	for _, v := range values {
		a.append(v, at)
	}
	return a
}
