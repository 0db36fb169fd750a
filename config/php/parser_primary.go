package php

import (
	"path/filepath"
	"strings"
)

// primary reads an operand: a variable, a literal, a name, or an expression in parentheses.
func (p *parser) primary() expression {
	p.budget.spend(nodeCost / 2)
	t := p.current
	switch t.kind {
	case variableName:
		p.advance()
		return &variable{t.text, t.line}
	case text:
		p.advance()
		return &literal{t.value}
	case template:
		parts := p.template('"')
		p.advance()
		return &interpolation{parts}
	case heredoc:
		return p.heredocParts()
	case name:
		return p.named()
	}
	switch {
	case p.accept("("):
		e := p.expression(bindsNothing)
		if inner, isTernary := e.(*ternary); isTernary {
			inner.grouped = true
		}
		p.expect(")")
		return e
	case p.accept("["):
		return p.array("]")
	case t.is("#["), t.is("$"), t.is("`"):
		p.beyond("%s is not evaluated", map[string]string{"#[": "an attribute", "$": "a variable of a computed name", "`": "a command"}[t.text])
	}
	p.unexpected()
	return nil
}

// array reads the items of an array or of a pattern up to the closing bracket. An array of nothing but literals is made at once.
func (p *parser) array(closing string) expression {
	a := &arrayLiteral{}
	reference := false
	for !p.current.is(closing) {
		item := arrayItem{line: p.current.line}
		switch {
		case p.current.is(","): // a gap in a pattern
		case p.accept("..."):
			item.spread = true
			item.value = p.expression(bindsNothing)
		default:
			reference = p.accept("&") || reference
			item.value = p.expression(bindsNothing)
			if p.accept("=>") {
				item.key = item.value
				reference = p.accept("&") || reference
				item.value = p.expression(bindsNothing)
			}
		}
		if len(a.items) > 0 || !p.constantItem(a, item) {
			p.budget.spend(nodeCost)
			a.items = append(a.items, item)
		}
		if !p.accept(",") {
			break
		}
	}
	line := p.current.line
	p.expect(closing)
	switch {
	case reference:
		return &beyond{"a reference to an element", line}
	case a.items == nil && a.constant != nil:
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
		if a.constant.followsNegative() {
			return false
		}
		p.budget.spend(elementCost)
		return a.constant.append(value.value, at)
	}
	k, valid := arrayKey(key.value)
	if valid {
		p.budget.spend(elementCost + indexCost)
		a.constant.set(k, value.value, at)
	}
	return valid
}

// named reads what begins with a name: a constant, a call, a class member, or one of the constructs that look like calls.
func (p *parser) named() expression {
	t := p.current
	switch word := p.word(); word {
	case "array", "list":
		if p.following().is("(") {
			p.advance()
			p.advance()
			return p.array(")")
		}
	case "isset":
		p.advance()
		return &issetExpression{p.operands()}
	case "empty":
		p.advance()
		return &emptyExpression{p.parenthesised()}
	case "eval":
		p.advance()
		p.parenthesised()
		return &beyond{"eval()", t.line}
	case "exit", "die":
		p.advance()
		if p.accept("(") && !p.accept(")") {
			p.expression(bindsNothing)
			p.expect(")")
		}
		return &exitExpression{}
	case "new":
		return p.construction()
	case "match":
		if p.following().is("(") {
			return p.match()
		}
	case "fn", "function":
		return p.functionExpression()
	case "static":
		if next := p.following(); next.kind == name {
			p.advance()
			return p.functionExpression()
		}
	case "__file__":
		p.advance()
		return &literal{p.path}
	case "__dir__":
		p.advance()
		return &literal{filepath.Dir(p.path)}
	case "__line__":
		p.advance()
		return &literal{int64(t.line)}
	}
	return p.constantOrCall()
}

// operands reads (a, b, …) as isset and unset have them.
func (p *parser) operands() []expression {
	var list []expression
	p.expect("(")
	for {
		list = append(list, p.expression(bindsNothing))
		if !p.accept(",") || p.current.is(")") {
			break
		}
	}
	p.expect(")")
	return list
}

func (p *parser) constantOrCall() expression {
	t := p.current
	if reserved[p.word()] {
		p.unexpected()
	}
	p.advance()
	switch {
	case p.current.is("("):
		c := &call{line: t.line}
		c.name, c.fallback = p.names(t.text)
		if full, imported := p.functions[lowered(t.text)]; imported {
			c.name, c.fallback = full, ""
		}
		c.arguments, c.partial = p.arguments()
		return c
	case p.current.is("::"):
		return p.classMember(p.className(t.text))
	}
	switch lowered(strings.TrimPrefix(t.text, `\`)) {
	case "true":
		return &literal{true}
	case "false":
		return &literal{false}
	case "null":
		return &literal{nil}
	}
	c := &constant{line: t.line}
	c.name, c.fallback = p.names(t.text)
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

// construction reads new Class(…).
func (p *parser) construction() expression {
	c := &construction{line: p.current.line}
	p.expectWord("new")
	if p.current.kind != name || p.word() == "class" {
		p.beyond("a class without a name is not evaluated")
	}
	c.class = p.className(p.current.text)
	p.advance()
	if p.current.is("(") {
		c.arguments, _ = p.arguments()
	}
	return c
}

func (p *parser) match() expression {
	m := &matchExpression{}
	p.expectWord("match")
	m.subject = p.parenthesised()
	p.expect("{")
	for !p.current.is("}") {
		p.budget.spend(nodeCost)
		arm := matchArm{}
		if p.word() == "default" && !p.following().is("::") {
			p.advance()
			p.accept(",")
		} else {
			for !p.current.is("=>") {
				arm.conditions = append(arm.conditions, p.expression(bindsNothing))
				if !p.accept(",") {
					break
				}
			}
		}
		p.expect("=>")
		arm.result = p.expression(bindsNothing)
		m.unsafe = m.unsafe || change(arm.conditions...) || change(arm.result)
		m.arms = append(m.arms, arm)
		if !p.accept(",") {
			break
		}
	}
	p.expect("}")
	return m
}
