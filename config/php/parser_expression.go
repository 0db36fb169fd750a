package php

import (
	"slices"
	"strings"
)

// How tightly operators bind, as in PHP 8. What binds tighter is greater.
const (
	bindsNothing = iota
	bindsOr
	bindsXor
	bindsAnd
	bindsAssignment
	bindsTernary
	bindsCoalesce
	bindsLogicalOr
	bindsLogicalAnd
	bindsBitOr
	bindsBitXor
	bindsBitAnd
	bindsEquality
	bindsComparison
	bindsConcatenation
	bindsShift
	bindsSum
	bindsProduct
	bindsNot
	bindsInstanceof
	bindsPrefix
	bindsPower
)

var binaryOperators = map[string]int{
	"or": bindsOr, "xor": bindsXor, "and": bindsAnd,
	"??": bindsCoalesce, "||": bindsLogicalOr, "&&": bindsLogicalAnd,
	"|": bindsBitOr, "^": bindsBitXor, "&": bindsBitAnd,
	"==": bindsEquality, "!=": bindsEquality, "<>": bindsEquality, "===": bindsEquality, "!==": bindsEquality, "<=>": bindsEquality,
	"<": bindsComparison, "<=": bindsComparison, ">": bindsComparison, ">=": bindsComparison,
	".": bindsConcatenation, "<<": bindsShift, ">>": bindsShift,
	"+": bindsSum, "-": bindsSum, "*": bindsProduct, "/": bindsProduct, "%": bindsProduct,
	"instanceof": bindsInstanceof, "**": bindsPower,
}

var assignmentOperators = []string{"=", "+=", "-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**=", "??="}

// expression reads an expression of operators that bind at least as tightly as binding.
func (p *parser) expression(binding int) expression {
	p.enter()
	defer p.leave()
	left := p.prefix()
	for {
		if p.current.kind == operator && slices.Contains(assignmentOperators, p.current.text) && isTarget(left) {
			left = p.assignment(left)
			continue
		}
		if p.current.is("?") {
			if binding > bindsTernary {
				return left
			}
			left = p.ternary(left)
			continue
		}
		power, known := binaryOperators[p.binaryOperator()]
		switch {
		case !known || power < binding:
			return left
		case power == bindsCoalesce:
			left = p.coalesce(left)
		default:
			left = p.chain(left, power)
		}
	}
}

func (p *parser) binaryOperator() string {
	switch p.current.kind {
	case operator:
		return p.current.text
	case name:
		return p.word()
	}
	return ""
}

// chain reads operators that bind equally, with their right sides.
func (p *parser) chain(first expression, power int) expression {
	p.budget.spend(nodeCost)
	c := &chain{first: first}
	for op := p.binaryOperator(); binaryOperators[op] == power; op = p.binaryOperator() {
		p.budget.spend(nodeCost)
		p.advance()
		l := link{op: op}
		switch power {
		case bindsPower:
			l.operand = p.expression(power) // from the right: the rest of the chain is in it
		case bindsInstanceof:
			p.beyond("instanceof is not evaluated")
		default:
			l.operand = p.expression(power + 1)
		}
		l.unsafe = decides(op) && change(l.operand)
		c.links = append(c.links, l)
		if (power == bindsEquality || power == bindsComparison) && binaryOperators[p.binaryOperator()] == power {
			p.unexpected()
		}
	}
	return c
}

// decides says whether an operator may do without its right side.
func decides(op string) bool { return op == "&&" || op == "and" || op == "||" || op == "or" }

func (p *parser) coalesce(left expression) expression {
	p.budget.spend(nodeCost)
	p.expect("??")
	c := &coalesce{left: left, right: p.expression(bindsCoalesce)}
	c.unsafe = change(c.right)
	return c
}

func (p *parser) ternary(condition expression) expression {
	p.budget.spend(nodeCost)
	previous, nested := condition.(*ternary)
	nested = nested && !previous.grouped
	p.expect("?")
	t := &ternary{condition: condition}
	if !p.current.is(":") {
		t.then = p.expression(bindsNothing)
	}
	if nested && (previous.then != nil || t.then != nil) {
		p.failAt(p.current.line, "nested ?: needs parentheses")
	}
	p.expect(":")
	t.otherwise = p.expression(bindsTernary + 1)
	t.unsafe = change(t.then, t.otherwise)
	return t
}

// isTarget says whether an expression can be assigned to.
func isTarget(e expression) bool {
	switch e.(type) {
	case *variable, *indexed, *property, *staticProperty, *arrayLiteral:
		return true
	}
	return false
}

func (p *parser) assignment(target expression) expression {
	p.budget.spend(nodeCost)
	a := &assignment{target: target, op: p.current.text, line: p.current.line}
	if _, isPattern := target.(*arrayLiteral); isPattern && a.op != "=" {
		p.unexpected()
	}
	p.advance()
	if a.op == "=" && p.accept("&") {
		p.expression(bindsAssignment)
		return &beyond{"a reference", a.line}
	}
	a.value = p.expression(bindsAssignment)
	return a
}

func (p *parser) prefix() expression {
	t := p.current
	switch t.kind {
	case operator:
		switch t.text {
		case "+", "-", "~", "@":
			p.advance()
			p.budget.spend(nodeCost)
			return &unary{t.text, p.expression(bindsPrefix)}
		case "!":
			p.advance()
			p.budget.spend(nodeCost)
			return &unary{"!", p.expression(bindsNot)}
		case "++", "--":
			p.advance()
			p.budget.spend(nodeCost)
			target := p.expression(bindsPrefix)
			if !isTarget(target) {
				p.unexpected()
			}
			return &assignment{target: target, op: t.text, line: t.line}
		}
	case number:
		p.advance()
		return &literal{t.value}
	case castOperator:
		p.advance()
		p.budget.spend(nodeCost)
		return &unary{t.text, p.expression(bindsPrefix)}
	case name:
		if e, found := p.keyword(); found {
			return e
		}
	}
	return p.postfix(p.primary())
}

// keyword reads the operators that are words and reach as far to the right as they can.
func (p *parser) keyword() (expression, bool) {
	line := p.current.line
	switch word := p.word(); word {
	case "include", "include_once", "require", "require_once":
		p.advance()
		return &include{
			path:     p.expression(bindsNothing),
			once:     strings.HasSuffix(word, "_once"),
			required: strings.HasPrefix(word, "require"),
			line:     line,
		}, true
	case "throw":
		p.advance()
		return &throwExpression{p.expression(bindsNothing)}, true
	case "yield", "clone", "print":
		p.beyond("%s is not evaluated", word)
	}
	return nil, false
}

// postfix reads what follows an operand: indexes, members, calls, ++ and --.
func (p *parser) postfix(e expression) expression {
	for links := 0; ; links++ {
		if links > maxNesting {
			p.beyond("a chain of more than %d members", maxNesting)
		}
		if p.current.kind != operator {
			return e
		}
		line := p.current.line
		switch p.current.text {
		case "[":
			p.advance()
			i := &indexed{base: e, line: line}
			if !p.current.is("]") {
				i.key = p.expression(bindsNothing)
			}
			p.expect("]")
			e = i
		case "->", "?->":
			e = p.member(e)
		case "::":
			p.advance()
			p.beyond("a member of a class that is computed is not evaluated")
		case "(":
			c := &call{callee: e, line: line}
			c.arguments, c.partial = p.arguments()
			e = c
		case "++", "--":
			if !isTarget(e) {
				return e
			}
			op := p.current.text
			p.advance()
			e = &assignment{target: e, op: op, postfix: true, line: line}
		default:
			return e
		}
		p.budget.spend(nodeCost)
	}
}

// member reads ->name and ->name(…).
func (p *parser) member(object expression) expression {
	line, nullsafe := p.current.line, p.current.is("?->")
	p.advance()
	if p.current.kind != name {
		p.beyond("a property of a computed name is not evaluated")
	}
	member := p.identifier()
	if !p.current.is("(") {
		return &property{object, member, nullsafe}
	}
	m := &method{object: object, name: member, line: line}
	m.arguments, _ = p.arguments()
	return m
}

// classMember reads ::name, ::$name, ::class and static methods of a class.
func (p *parser) classMember(class string) expression {
	line := p.current.line
	p.expect("::")
	switch {
	case p.current.kind == variableName:
		return &staticProperty{class, p.variable(), line}
	case p.current.kind != name:
		p.beyond("a member of a computed name is not evaluated")
	}
	member := p.identifier()
	if !p.current.is("(") {
		return &classConstant{class, member, line}
	}
	m := &method{class: class, name: member, line: line}
	m.arguments, _ = p.arguments()
	return m
}

// arguments reads (…). It reports true for f(...), which makes a closure of a function.
func (p *parser) arguments() (arguments []argument, partial bool) {
	p.expect("(")
	for !p.current.is(")") {
		p.budget.spend(nodeCost)
		a := argument{}
		if p.accept("...") {
			if p.current.is(")") && arguments == nil {
				p.advance()
				return nil, true
			}
			a.spread = true
		} else if p.word() != "" && p.following().is(":") {
			a.named = true
			p.advance()
			p.advance()
		}
		a.value = p.expression(bindsNothing)
		arguments = append(arguments, a)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return arguments, false
}
