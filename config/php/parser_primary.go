package php

import (
	"path/filepath"
	"strings"
)

// primary reads an operand: a variable, a literal, a name, or an expression in parentheses.
func (p *parser) primary() expression {
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
	case t.is("#["):
		p.attributed()
		return p.named()
	case t.is("$"):
		return p.dynamicVariable()
	case t.is("`"):
		parts := p.template('`')
		p.advance()
		return &beyond{"a command in backticks", parts, t.line}
	}
	p.unexpected()
	return nil
}

// dynamicVariable reads $$name and ${expression}.
func (p *parser) dynamicVariable() expression {
	p.enter()
	defer p.leave()
	line := p.current.line
	p.expect("$")
	switch {
	case p.current.kind == variableName:
		return &dynamicVariable{&variable{p.variable(), line}, line}
	case p.current.is("$"):
		return &dynamicVariable{p.dynamicVariable(), line}
	}
	p.expect("{")
	e := p.expression(bindsNothing)
	p.expect("}")
	return &dynamicVariable{e, line}
}

// array reads the items of an array or of a pattern up to the closing bracket.
func (p *parser) array(closing string) expression {
	a := &arrayLiteral{}
	for !p.current.is(closing) {
		p.budget.spend(nodeCost)
		item := arrayItem{line: p.current.line}
		switch {
		case p.current.is(","): // a gap in a pattern
		case p.accept("..."):
			item.spread = true
			item.value = p.expression(bindsNothing)
		default:
			p.item(&item)
		}
		a.items = append(a.items, item)
		if !p.accept(",") {
			break
		}
	}
	p.expect(closing)
	return a
}

func (p *parser) item(item *arrayItem) {
	item.byReference = p.accept("&")
	item.value = p.expression(bindsNothing)
	if !item.byReference && p.accept("=>") {
		item.key = item.value
		item.byReference = p.accept("&")
		item.value = p.expression(bindsNothing)
	}
}

// named reads what begins with a name: a constant, a call, a class member, or one of the constructs that look like calls.
func (p *parser) named() expression {
	t := p.current
	switch word := p.word(); word {
	case "true", "false", "null":
		if !p.following().is("(") {
			p.advance()
			return &literal{map[string]Value{"true": true, "false": false}[word]}
		}
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
		p.expect("(")
		e := &emptyExpression{p.expression(bindsNothing)}
		p.expect(")")
		return e
	case "eval":
		p.advance()
		p.expect("(")
		p.expression(bindsNothing)
		p.expect(")")
		return &include{line: t.line}
	case "exit", "die":
		p.advance()
		if p.accept("(") && !p.accept(")") {
			p.expression(bindsNothing)
			p.expect(")")
		}
		return &exitExpression{t.line}
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
	case "__namespace__":
		p.advance()
		return &literal{p.namespace}
	case "__function__", "__method__":
		p.advance()
		if p.inside == nil {
			return &literal{""}
		}
		return &literal{p.inside.name}
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
		c.name, c.fallback = p.functionName(t.text, p.functions, strings.ToLower(t.text))
		c.arguments, c.partial = p.arguments()
		return c
	case p.current.is("::"):
		return p.classMember(&constant{name: p.className(t.text), line: t.line})
	}
	c := &constant{line: t.line}
	c.name, c.fallback = p.functionName(t.text, p.constants, t.text)
	return c
}

// reserved are the words that cannot stand where an operand should.
var reserved = map[string]bool{
	"if": true, "else": true, "elseif": true, "endif": true, "while": true, "endwhile": true, "for": true, "endfor": true,
	"foreach": true, "endforeach": true, "do": true, "switch": true, "endswitch": true, "case": true, "default": true,
	"break": true, "continue": true, "return": true, "echo": true, "try": true, "catch": true, "finally": true,
	"class": true, "interface": true, "trait": true, "extends": true, "implements": true, "use": true, "as": true,
	"const": true, "global": true, "unset": true, "var": true, "public": true, "protected": true, "private": true,
	"abstract": true, "final": true, "instanceof": true, "insteadof": true, "and": true, "or": true, "xor": true,
	"declare": true, "enddeclare": true, "goto": true, "callable": true,
}

// construction reads new Class(…), new ($expression)(…) and new class(…) {…}.
func (p *parser) construction() expression {
	line := p.current.line
	p.expectWord("new")
	c := &foreignCall{line: line}
	p.attributes()
	switch {
	case p.word() == "class":
		p.advance()
		if p.current.is("(") {
			c.arguments, _ = p.arguments()
		}
		p.skipClassBody()
		return c
	case p.current.kind == name:
		c.class = p.className(p.current.text)
		p.advance()
	case p.current.kind == variableName:
		p.advance()
		for p.accept("->") || p.accept("::") {
			p.advance()
		}
	case p.accept("("):
		p.expression(bindsNothing)
		p.expect(")")
	default:
		p.unexpected()
	}
	if p.current.is("(") {
		c.arguments, _ = p.arguments()
	}
	return c
}

func (p *parser) match() expression {
	m := &matchExpression{line: p.current.line}
	p.expectWord("match")
	p.expect("(")
	m.subject = p.expression(bindsNothing)
	p.expect(")")
	p.expect("{")
	for !p.current.is("}") {
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
		m.arms = append(m.arms, arm)
		if !p.accept(",") {
			break
		}
	}
	p.expect("}")
	return m
}
