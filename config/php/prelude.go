package php

import (
	"context"
	_ "embed"
	"slices"
)

//go:embed prelude.php
var preludeSource string

// preludeLine is where the lines of the prelude begin, and of nothing else: they are no places in the files that are evaluated.
const preludeLine = -1 << 30

// prelude gives the functions of prelude.php.
func prelude() map[string]builtin {
	parsed, err := parse(preludeSource, "", 0, newBudget(context.Background(), Limits{}.withDefaults()))
	if err != nil {
		panic(err)
	}
	found := map[string]builtin{}
	for _, s := range parsed.statements {
		f := s.action.(*functionDeclaration).function
		found[f.name] = f.builtin()
	}
	return found
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
			switch {
			case hint == nil, v == nil && hint[0] == "null":
			case hint[0] == "array":
				c.array(i)
			default:
				arguments[i] = c.scalar(i, hint[len(hint)-1])
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
