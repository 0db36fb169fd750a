package php

import (
	"regexp"
	"strconv"
	"strings"
)

var environmentFunctions = map[string]builtin{
	"getenv":          {0, 2, getenv, false},
	"define":          {2, 3, define, true},
	"defined":         {1, 1, defined, false},
	"constant":        {1, 1, constantOf, false},
	"function_exists": {1, 1, functionExists, false},
	"is_callable":     {1, 1, isCallable, false},
	"filter_var":      {1, 3, filterVar, false},
	"parse_url":       {1, 2, parseURL, false},
}

func getenv(c *invocation) Value {
	if !c.optional(0) {
		return c.unknown("the whole environment is not known")
	}
	if value, found := c.getenv(c.string(0)); found {
		return value
	}
	return false
}

// putenv changes what getenv returns later on.
func (e *evaluator) putenv(arguments []given) Value {
	setting, isString := firstValue(arguments).(string)
	if !isString {
		e.giveUp("putenv() of what is not known")
	}
	name, value, set := strings.Cut(setting, "=")
	e.budget.spend(indexCost)
	e.environment[name] = nil
	if set {
		e.environment[name] = value
	}
	return true
}

func define(c *invocation) Value { return c.define(c.string(0), c.values[1]) }

func defined(c *invocation) Value {
	name := c.string(0)
	if _, known := c.constantNamed(name); known {
		return true
	}
	return c.unknown("whether the constant " + name + " is defined is not known")
}

func constantOf(c *invocation) Value {
	name := strings.TrimPrefix(c.string(0), `\`)
	if class, member, found := strings.Cut(name, "::"); found {
		return c.classConstant(&classConstant{class, member, c.here.line})
	}
	return c.constant(&constant{name: name, line: c.here.line})
}

func functionExists(c *invocation) Value {
	name := strings.TrimPrefix(c.string(0), `\`)
	if c.functionExists(name) || byReference[c.lower(name)] != nil {
		return true
	}
	if !mayBePHPs(c.lower(name)) && c.declaredLater(name) {
		return false
	}
	return c.unknown("whether the function " + name + "() exists is not known")
}

// declaredLater says whether the files declare a function that is not declared yet.
func (e *evaluator) declaredLater(name string) bool {
	found := false
	for _, f := range e.sources.loaded {
		if f.script == nil {
			continue
		}
		for _, s := range f.script.statements {
			e.inspect(s, func(node any) {
				d, isDeclaration := node.(*functionDeclaration)
				found = found || isDeclaration && strings.EqualFold(d.function.name, name)
			})
		}
	}
	return found
}

func isCallable(c *invocation) Value {
	switch v := c.values[0].(type) {
	case *closure:
		return true
	case string:
		if c.functionExists(v) {
			return true
		}
	case nil, bool, int64, float64:
		return false
	}
	return c.unknown("whether something can be called is not known")
}

// filterVar knows the filters for booleans and integers.
func filterVar(c *invocation) Value {
	const validateInt, validateBool, nullOnFailure = 257, 258, 134217728
	flags := int64(0)
	if c.has(2) {
		n, isInt := c.values[2].(int64)
		if !isInt || n&^nullOnFailure != 0 {
			return c.unknown("filter_var() with these options is not evaluated")
		}
		flags = n
	}
	switch c.values[0].(type) {
	case *Array, *Object, *closure:
		return c.unknown("filter_var() of an array is not evaluated")
	}
	text := strings.Trim(toString(c.values[0]), " \t\n\r\v")
	switch c.intOr(1, 0) {
	case validateBool:
		switch c.lower(text) {
		case "1", "true", "on", "yes":
			return true
		case "0", "false", "off", "no", "":
			return false
		}
	case validateInt:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && decimal.MatchString(text) {
			return n
		}
	default:
		return c.unknown("filter_var() with this filter is not evaluated")
	}
	if flags&nullOnFailure != 0 {
		return nil
	}
	return false
}

var decimal = regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)$`)

// plainURL is a URL of which there is no doubt how it is to be taken apart.
var plainURL = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*)://(?:([^\x00-\x20\x7f:@/?#]*)(?::([^\x00-\x20\x7f@/?#]*))?@)?` +
	`([a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?(/[^\x00-\x20\x7f?#]*)?(?:\?([^\x00-\x20\x7f#]+))?(?:#([^\x00-\x20\x7f]+))?$`)

// matchCost is what matching a regular expression may allocate, in bytes.
const matchCost = 8192

// parseURL takes a URL apart into the components that PHP names, in its order.
func parseURL(c *invocation) Value {
	s := c.string(0)
	c.budget.spend(matchCost)
	match := plainURL.FindStringSubmatchIndex(s)
	if match == nil {
		return c.unknown("parse_url() of this address is not evaluated")
	}
	parts := &Array{}
	for _, part := range []struct {
		name  string
		group int
	}{{"scheme", 1}, {"host", 4}, {"port", 5}, {"user", 2}, {"pass", 3}, {"path", 6}, {"query", 7}, {"fragment", 8}} {
		start, end := match[2*part.group], match[2*part.group+1]
		if start < 0 {
			continue
		}
		var v Value = s[start:end]
		if part.name == "port" {
			port := toInt(v)
			if port == 0 || port > 65535 {
				return c.unknown("parse_url() of this port is not evaluated")
			}
			v = port
		}
		c.set(parts, part.name, v, c.here)
	}
	return c.component(parts)
}

// component picks what the second argument of parse_url asks for.
func (c *invocation) component(parts *Array) Value {
	which := c.intOr(1, -1)
	if which == -1 {
		return parts
	}
	names := []string{"scheme", "host", "port", "user", "pass", "path", "query", "fragment"}
	if which < 0 || which >= int64(len(names)) {
		return c.unknown("parse_url() of this component is not evaluated")
	}
	if found := parts.find(names[which]); found != nil {
		return found.value
	}
	return nil
}
