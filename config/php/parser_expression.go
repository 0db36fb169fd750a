package php

import (
	"path/filepath"
	"slices"
	"strings"
)

// levels are the operators by how tightly they bind, as in PHP 8, the loosest first. Levels without a sign of
// their own have a name in capitals, which no sign is in.
var levels = []string{"", "or", "xor", "and", "ASSIGNMENT", "TERNARY", "??", "||", "&&", "|", "^", "&", "== != <> === !== <=>", "< <= > >=",
	".", "<< >>", "+ -", "* / %", "NOT", "PREFIX", "**"}

// binds gives the level of an operator.
var binds = func() map[string]int {
	binds := map[string]int{}
	for level, operators := range levels {
		for _, op := range strings.Fields(operators) {
			binds[op] = level
		}
	}
	return binds
}()

const bindsNothing = 0

var assignmentOperators = []string{"=", "+=", "-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**=", "??="}

// expression reads an expression of operators that bind at least as tightly as binding.
func (p *parser) expression(binding int) expression {
	p.enter()
	defer p.leave()
	left := p.prefix()
	for {
		op := p.current.sign
		power, known := binds[op]
		switch {
		case slices.Contains(assignmentOperators, op) && isTarget(left):
			left = p.assignment(left)
		case op == "?" && binding <= binds["TERNARY"]:
			left = p.ternary(left)
		case op == "instanceof", op == "|>":
			p.beyond("%s", op)
		case !known || power < binding:
			return left
		default:
			left = p.chain(left, power)
		}
	}
}

// chain reads operators that bind equally, with their right sides.
func (p *parser) chain(first expression, power int) expression {
	c := &chain{first: first}
	for op := p.current.sign; binds[op] == power; op = p.current.sign {
		if len(c.links) > 0 && (power == binds["=="] || power == binds["<"]) {
			p.unexpected()
		}
		p.advance()
		l := link{op: op}
		if power == binds["**"] {
			l.operand = p.expression(power) // from the right: the rest of the chain is in it
		} else {
			l.operand = p.expression(power + 1)
		}
		l.unsafe = decides(op) && change(l.operand)
		c.links = append(c.links, l)
	}
	return c
}

// decides says whether an operator may do without its right side.
func decides(op string) bool { return slices.Contains([]string{"??", "&&", "and", "||", "or"}, op) }

func (p *parser) ternary(condition expression) expression {
	previous, nested := condition.(*ternary)
	nested = nested && !previous.grouped
	p.expect("?")
	t := &ternary{condition: condition}
	if !p.is(":") {
		t.then = p.expression(bindsNothing)
	}
	if nested && (previous.then != nil || t.then != nil) {
		p.fail("nested ?: needs parentheses")
	}
	p.expect(":")
	t.otherwise = p.expression(binds["TERNARY"] + 1)
	t.unsafe = change(t.then, t.otherwise)
	return t
}

// isTarget says whether an expression can be assigned to.
func isTarget(e expression) bool {
	switch e.(type) {
	case *variable, *indexed, *member, *arrayLiteral:
		return true
	}
	return false
}

// assignment reads what follows its target; a ??= b is a ?? (a = b).
func (p *parser) assignment(target expression) expression {
	a := &assignment{target: target, op: p.current.text, line: p.current.line}
	p.advance()
	p.refuse("&", "a reference")
	a.value = p.expression(binds["ASSIGNMENT"])
	if a.op != "??=" {
		return a
	}
	if change(target) { // PHP evaluates it once
		p.beyond("??= for a target that changes something by itself")
	}
	a.op = "="
	return &chain{target, []link{{"??", a, true}}}
}

// refuse gives up on what an operator or a word begins.
func (p *parser) refuse(sign, what string) {
	if p.is(sign) {
		p.beyond("%s", what)
	}
}

// prefix reads an operand with the operators before it.
func (p *parser) prefix() expression {
	t := p.current
	switch {
	case t.is("+"), t.is("-"), t.is("~"), t.is("@"), t.kind == castOperator:
		p.advance()
		return &unary{t.text, p.expression(binds["PREFIX"])}
	case p.accept("!"):
		return &unary{"!", p.expression(binds["NOT"])}
	case p.accept("++"), p.accept("--"):
		return p.count(p.expression(binds["PREFIX"]), t, false)
	}
	switch word := p.current.sign; word {
	case "include", "include_once", "require", "require_once":
		p.advance()
		once, required := strings.HasSuffix(word, "_once"), strings.HasPrefix(word, "require")
		return &include{p.expression(bindsNothing), once, required, t.line}
	case "throw":
		p.advance()
		return &unary{"throw", p.expression(bindsNothing)}
	case "yield", "clone", "print", "eval":
		p.beyond("%s", word)
	}
	return p.postfix(p.primary())
}

// count is ++ or -- before or after a target.
func (p *parser) count(target expression, op token, postfix bool) expression {
	if !isTarget(target) {
		p.unexpected()
	}
	return &assignment{target: target, op: op.text, postfix: postfix, line: op.line}
}

// postfix reads what follows an operand: indexes, members, calls, ++ and --.
func (p *parser) postfix(e expression) expression {
	for links := 0; ; links++ {
		if links > maxNesting {
			p.beyond("a chain of more than %d members", maxNesting)
		}
		t := p.current
		switch {
		case p.accept("["):
			i := &indexed{base: e, line: t.line}
			if !p.is("]") {
				i.key = p.expression(bindsNothing)
			}
			p.expect("]")
			e = i
		case p.accept("->"), p.accept("::"):
			e = p.member(e, "")
		case t.is("?->"):
			p.beyond("?->")
		case p.accept("("):
			e = &call{callee: e, arguments: p.expressions(")"), line: t.line}
		case p.accept("++"), p.accept("--"):
			e = p.count(e, t, true)
		default:
			return e
		}
	}
}

// member reads the name, and the arguments of a call, after -> or ::.
func (p *parser) member(object expression, class string) expression {
	m := &member{object: object, class: class, line: p.current.line}
	switch {
	case p.current.kind == name:
		m.name = p.identifier()
	case p.current.kind == variableName && class != "":
		m.name = "$" + p.takeText(variableName)
	default:
		p.beyond("a member of a computed name")
	}
	if m.called = p.accept("("); m.called {
		m.arguments = p.expressions(")")
	}
	return m
}

// primary reads an operand: a variable, a literal, a name, or an expression in parentheses.
func (p *parser) primary() expression {
	t := p.current
	switch t.kind {
	case variableName:
		p.advance()
		return &variable{t.text, t.line}
	case text, number:
		p.advance()
		return &literal{t.value}
	case template:
		e := p.template('"')
		p.advance()
		return e
	case heredoc:
		return p.heredocParts()
	case name:
		return p.named()
	}
	switch {
	case t.is("("):
		e := p.parenthesised()
		if inner, isTernary := e.(*ternary); isTernary {
			inner.grouped = true
		}
		return e
	case p.accept("["):
		return p.array("]")
	case t.is("#["), t.is("$"), t.is("`"):
		p.beyond("what begins with %s", t.text)
	}
	p.unexpected()
	return nil
}

// array reads the items of an array, or of a list of targets, which may have gaps. An array of nothing but literals is made at once.
func (p *parser) array(closing string) expression {
	a := &arrayLiteral{}
	p.list(closing, func() {
		item := arrayItem{line: p.current.line, spread: p.accept("...")}
		p.refuse("&", "a reference")
		if !p.is(",") || item.spread {
			item.value = p.expression(bindsNothing)
		}
		if p.accept("=>") {
			p.refuse("&", "a reference")
			item.key, item.value = item.value, p.expression(bindsNothing)
		}
		if len(a.items) > 0 || !p.constantItem(a, item) {
			a.items = append(a.items, item)
		}
	})
	if a.items == nil && a.constant != nil {
		return &literal{a.constant}
	}
	return a
}

// constantItem adds an item to the array that its literals make, if it is one of them.
func (p *parser) constantItem(a *arrayLiteral, item arrayItem) bool {
	value, isLiteral := item.value.(*literal)
	key, hasKey := item.key.(*literal)
	if !isLiteral || item.spread || item.key != nil && !hasKey {
		return false
	}
	if a.constant == nil {
		a.constant = &Array{shared: true}
	}
	at := origin{p.file, item.line}
	if !hasKey {
		return !a.constant.followsNegative() && a.constant.append(value.value, at)
	}
	k, valid := arrayKey(key.value)
	if valid {
		p.budget.spend(indexCost)
		a.constant.set(k, value.value, at)
	}
	return valid
}

// named reads what begins with a name: a constant, a call, a class member, or one of the constructs that look like calls.
func (p *parser) named() expression {
	t := p.current
	word := p.current.sign
	if reserved[word] {
		p.unexpected()
	}
	p.advance()
	switch {
	case (word == "array" || word == "list") && p.accept("("):
		return p.array(")")
	case word == "isset":
		return p.isset()
	case word == "empty":
		return &unary{word, p.parenthesised()}
	case word == "exit", word == "die":
		if p.accept("(") {
			p.expressions(")")
		}
		return &unary{"exit", &literal{}}
	case word == "new":
		return p.construction()
	case word == "match" && p.is("("):
		return p.match()
	case word == "fn" || word == "function" || word == "static" && (p.accept("fn") || p.accept("function")):
		return &functionExpression{p.function("", t.line)}
	case word == "__file__":
		return &literal{p.path}
	case word == "__dir__":
		return &literal{filepath.Dir(p.path)}
	case word == "__line__":
		return &literal{int64(t.line)}
	case p.accept("::"):
		return p.member(nil, p.className(t.text))
	}
	first, fallback := p.names(t.text)
	if p.accept("(") {
		return &call{name: first, fallback: fallback, arguments: p.expressions(")"), line: t.line}
	}
	if v, known := wordConstants[lowered(strings.TrimPrefix(t.text, `\`))]; known {
		return &literal{v}
	}
	return &constant{first, fallback, t.line}
}

// wordConstants are known in any case of their letters.
var wordConstants = map[string]Value{"true": true, "false": false, "null": nil}

func (p *parser) parenthesised() expression {
	p.expect("(")
	e := p.expression(bindsNothing)
	p.expect(")")
	return e
}

// isset reads what follows the word; of several operands it makes isset(…) && isset(…).
func (p *parser) isset() expression {
	p.expect("(")
	c := &chain{}
	p.list(")", func() {
		p.budget.spend(nodeCost)
		operand := p.expression(bindsNothing)
		c.links = append(c.links, link{"&&", &unary{"isset", operand}, change(operand)})
	})
	if len(c.links) == 0 {
		p.unexpected()
	}
	c.first, c.links = c.links[0].operand, c.links[1:]
	if len(c.links) == 0 {
		return c.first
	}
	return c
}

// reserved are the words that cannot stand where an operand should.
var reserved = wordSet(`if else elseif endif while endwhile for endfor foreach endforeach do switch endswitch case default break continue
	return echo try catch finally class interface trait extends implements use as const global unset var public protected private
	abstract final instanceof insteadof and or xor declare enddeclare goto callable`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// construction reads what follows new.
func (p *parser) construction() expression {
	if p.current.kind != name || p.current.sign == "class" {
		p.beyond("a class without a name")
	}
	c := &construction{class: p.className(p.current.text), line: p.current.line}
	p.advance()
	if p.accept("(") {
		c.arguments = p.expressions(")")
	}
	return c
}

func (p *parser) match() expression {
	m := &matchExpression{subject: p.parenthesised()}
	p.expect("{")
	p.list("}", func() {
		arm := matchArm{}
		if p.accept("default") {
			p.accept(",")
			p.expect("=>")
		} else {
			if arm.conditions = p.expressions("=>"); arm.conditions == nil {
				p.unexpected()
			}
		}
		arm.result = p.expression(bindsNothing)
		m.unsafe = m.unsafe || change(arm.conditions...) || change(arm.result)
		m.arms = append(m.arms, arm)
	})
	return m
}

// function reads what follows the word function and the name, if there is one, or the word fn.
func (p *parser) function(named string, line int32) *function {
	f := &function{name: named, at: origin{p.file, line}}
	p.refuse("&", "a reference")
	p.expect("(")
	p.list(")", func() {
		p.budget.spend(nodeCost)
		parameter := parameter{hint: p.hint()}
		p.refuse("&", "a reference")
		if p.current.kind != variableName {
			p.beyond("a parameter of this form")
		}
		parameter.name = p.takeText(variableName)
		if p.accept("=") {
			parameter.fallback = p.expression(bindsNothing)
		}
		f.parameters = append(f.parameters, parameter)
	})
	if p.accept("use") {
		p.expect("(")
		p.list(")", func() {
			p.refuse("&", "a reference")
			f.uses = append(f.uses, p.takeText(variableName))
		})
	}
	if p.accept(":") {
		f.result = p.hint()
	}
	switch {
	case p.accept("=>"):
		f.arrow = p.expression(bindsNothing)
	case p.is("{"):
		f.body = p.braces()
	default:
		p.beyond("a function with a result of this form")
	}
	return f
}

// hint reads a type, if there is one: ?int, int|string.
func (p *parser) hint() []string {
	var alternatives []string
	if p.accept("?") {
		alternatives = append(alternatives, "null")
	}
	for p.current.kind == name {
		alternatives = append(alternatives, lowered(p.takeText(name)))
		if !p.accept("|") {
			break
		}
	}
	return alternatives
}
