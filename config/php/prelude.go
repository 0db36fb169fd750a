package php

import (
	"context"
	_ "embed"
	"maps"
	"slices"
)

//go:embed prelude.php
var preludeSource string

// constants of PHP by their names, those of classes as class::NAME with the class in lower case.
var constants map[string]Value

// init makes what is in prelude.php functions and constants of PHP's.
func init() {
	b := newBudget(context.Background(), Limits{}.withDefaults())
	parsed, failed := parse(preludeSource, "", 0, b)
	if failed != nil {
		panic(failed.message)
	}
	for _, group := range []map[string]builtin{textFunctions, numberFunctions, arrayFunctions, fileFunctions, environmentFunctions} {
		maps.Copy(functions, group)
	}
	e := newEvaluator(nil, Options{}, newSources(b), &choices{})
	for _, s := range parsed.statements {
		if f, isFunction := s.action.(*functionDeclaration); isFunction {
			functions[f.function.name] = f.function.builtin()
		} else {
			s.execute(e)
		}
	}
	constants = e.constants
}

// builtin makes a function of the prelude one of PHP's: it converts the arguments, and makes a list of those for $rest.
func (f *function) builtin() builtin {
	last := len(f.parameters) - 1
	b := builtin{most: len(f.parameters)}
	for _, p := range f.parameters {
		switch {
		case p.name == "rest":
			b.most = -1
		case p.fallback == nil:
			b.least++
		}
	}
	b.call = func(c *invocation) Value {
		arguments := slices.Clone(c.values)
		for i, v := range arguments {
			hint := f.parameters[min(i, last)].hint
			if hint != nil && (v != nil || hint[0] != "null") {
				arguments[i] = c.argument(i, hint[len(hint)-1])
			}
		}
		if b.most < 0 {
			rest := newList(c.here, arguments[min(last, len(arguments)):]...)
			arguments = append(arguments[:min(last, len(arguments))], rest)
		}
		return c.invoke(&closure{function: f}, arguments)
	}
	return b
}
