package php

// effect is what a piece of the syntax tree may do when it runs.
type effect struct {
	places []expression // that it may change
	bound  []string     // variables that it may make references to something
	leaves bool         // it may end the function or file, or change a variable of unknown name
}

// pure says whether evaluating an expression changes nothing. A call of a function counts as a change.
func (e *evaluator) pure(x expression) bool {
	clean := true
	e.inspect(x, func(node any) {
		switch node.(type) {
		case *assignment, *increment, *call, *foreignCall, *include, *exitExpression, *throwExpression, *functionExpression, *beyond:
			clean = false
		}
	})
	return clean
}

// effects finds what a statement may change. Whatever is handed to a call counts, as it may be by reference.
func (e *evaluator) effects(s statement) effect {
	var found effect
	e.inspect(s, func(node any) {
		switch n := node.(type) {
		case *assignment:
			found.change(n.target)
			if n.byReference {
				found.bind(n.target)
				found.bind(n.value)
			}
		case *increment:
			found.change(n.target)
		case *foreach:
			found.change(n.value)
			if n.key != nil {
				found.change(n.key)
			}
			if n.byReference && node != s {
				found.bind(n.value)
				found.bind(n.subject)
			}
		case *unsetStatement:
			for _, target := range n.targets {
				found.change(target)
			}
		case *call:
			found.changeArguments(n.arguments)
		case *foreignCall:
			found.changeArguments(n.arguments)
		case *tryStatement:
			for _, c := range n.catches {
				found.changeVariable(c.variable)
			}
		case *returnStatement:
			found.leaves = true
		}
	})
	return found
}

func (found *effect) changeArguments(arguments []argument) {
	for _, a := range arguments {
		if isTarget(a.value) {
			found.change(a.value)
		}
	}
}

func (found *effect) changeVariable(name string) {
	if name == "" {
		return // a catch without a variable
	}
	found.places = append(found.places, &variable{name: name})
}

// bind notes what a reference belongs to.
func (found *effect) bind(x expression) {
	switch root := rootOf(x).(type) {
	case *variable:
		found.bound = append(found.bound, root.name)
	case *dynamicVariable:
		found.leaves = true
	}
}

// change notes the place of a target, as far as it is named by keys that are the same in every turn of a loop.
func (found *effect) change(target expression) {
	switch x := target.(type) {
	case *variable:
		found.places = append(found.places, x)
	case *indexed:
		if isFixed(x) {
			found.places = append(found.places, x)
		} else {
			found.change(x.base)
		}
	case *property:
		found.change(x.base)
	case *arrayLiteral:
		for _, item := range x.items {
			if item.value != nil {
				found.change(item.value)
			}
		}
	case *dynamicVariable:
		found.leaves = true
	}
}

// isFixed says whether an element is named by a variable and literal keys.
func isFixed(x expression) bool {
	switch x := x.(type) {
	case *variable:
		return true
	case *indexed:
		_, isLiteral := x.key.(*literal)
		return isLiteral && isFixed(x.base)
	}
	return false
}

// rootOf follows indexes and properties down to what they belong to.
func rootOf(x expression) expression {
	for {
		switch n := x.(type) {
		case *indexed:
			x = n.base
		case *property:
			x = n.base
		default:
			return x
		}
	}
}

// inspect visits a node and all nodes within it, nil ones left out.
func (e *evaluator) inspect(node any, visit func(node any)) {
	if node == nil {
		return
	}
	e.descend()
	visit(node)
	list := children(node)
	e.budget.spend(16 * len(list))
	for _, child := range list {
		e.inspect(child, visit)
	}
	e.depth--
}

// children returns the nodes directly within a node. What is in a function runs elsewhere.
func children(node any) []any {
	switch n := node.(type) {
	case *interpolation:
		return n.parts
	case *arrayLiteral:
		var list []any
		for _, item := range n.items {
			list = append(list, item.key, item.value)
		}
		return list
	case *dynamicVariable:
		return []any{n.name}
	case *indexed:
		return []any{n.base, n.key}
	case *property:
		return []any{n.base, n.name}
	case *call:
		return append(argumentValues(n.arguments), n.callee)
	case *foreignCall:
		return append(argumentValues(n.arguments), n.object)
	case *unary:
		return []any{n.operand}
	case *binary:
		return []any{n.left, n.right}
	case *ternary:
		return []any{n.condition, n.then, n.otherwise}
	case *assignment:
		return []any{n.target, n.value}
	case *increment:
		return []any{n.target}
	case *cast:
		return []any{n.operand}
	case *issetExpression:
		return n.operands
	case *emptyExpression:
		return []any{n.operand}
	case *include:
		return []any{n.path}
	case *throwExpression:
		return []any{n.operand}
	case *matchExpression:
		list := []any{n.subject}
		for _, arm := range n.arms {
			list = append(append(list, arm.conditions...), arm.result)
		}
		return list
	case *beyond:
		return n.operands
	}
	return statementChildren(node)
}

func argumentValues(arguments []argument) []any {
	list := make([]any, 0, len(arguments)+1)
	for _, a := range arguments {
		list = append(list, a.value)
	}
	return list
}

func statementChildren(node any) []any {
	switch n := node.(type) {
	case *expressionStatement:
		return []any{n.expression}
	case *block:
		return n.statements
	case *ifStatement:
		var list []any
		for _, branch := range n.branches {
			list = append(append(list, branch.condition), branch.body...)
		}
		return append(list, n.otherwise...)
	case *loop:
		return join(n.before, n.conditions, n.after, n.body)
	case *doLoop:
		return append([]any{n.condition}, n.body...)
	case *foreach:
		return append([]any{n.subject, n.key, n.value}, n.body...)
	case *switchStatement:
		list := []any{n.subject}
		for _, c := range n.cases {
			list = append(append(list, c.value), c.body...)
		}
		return list
	case *returnStatement:
		return []any{n.value}
	case *staticStatement:
		return []any{n.value}
	case *unsetStatement:
		return n.targets
	case *tryStatement:
		list := join(n.body, n.finally)
		for _, c := range n.catches {
			list = append(list, c.body...)
		}
		return list
	}
	return nil
}

func join(lists ...[]any) []any {
	var all []any
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
