package php

import "regexp"

// template reads the parts of a string with variables in it up to the closing quote, or to the end of the source when quote is 0.
// The lexer then stands behind the quote, and the current token is stale.
func (p *parser) template(quote byte) expression {
	p.enter()
	defer p.leave()
	joined := &chain{first: &literal{""}}
	add := func(part expression) { joined.links = append(joined.links, link{op: ".", operand: part}) }
	for {
		p.budget.spend(2 * nodeCost)
		if n := literalLength(p.rest(), quote); n > 0 {
			add(&literal{p.unescape(p.take(n), quote)})
		}
		switch {
		case p.rest() == "" && quote == 0:
			return joined
		case p.rest() == "":
			p.fail("a string does not end")
		case p.peek(0) == quote && quote != 0:
			p.skip(1)
			return joined
		case p.starts("{$"):
			p.skip(1)
			p.advance()
			add(p.expression(bindsNothing))
			if !p.is("}") {
				p.unexpected()
			}
		case p.starts("${"):
			add(p.bracedName())
		default:
			add(p.simpleVariable())
		}
	}
}

// heredocParts reads the body of a heredoc, which is a source of its own.
func (p *parser) heredocParts() expression {
	body, after := p.current, p.lexer
	p.lexer = lexer{source: body.text, line: body.line + 1, budget: p.budget}
	e := p.template(0)
	p.lexer = after
	p.advance()
	return e
}

// bracedName reads ${name}, ${name[key]} and ${expression}, of which the value is a name.
func (p *parser) bracedName() expression {
	p.skip(len("${"))
	line, before := p.line, p.lexer
	v := &variable{p.take(nameLength(p.rest())), line}
	p.advance()
	var x expression = v
	switch {
	case p.is("}") && v.name != "":
	case p.is("[") && v.name != "":
		p.advance()
		x = &indexed{base: v, key: p.expression(bindsNothing), line: line}
		p.expect("]")
	default:
		p.lexer = before
		p.advance()
		x = &namedVariable{p.expression(bindsNothing), line}
	}
	if !p.is("}") {
		p.unexpected()
	}
	return x
}

// simpleVariable reads $name, $name[key] and $name->property as they stand in a string.
func (p *parser) simpleVariable() expression {
	line := p.line
	p.skip(1)
	v := &variable{p.take(nameLength(p.rest())), line}
	switch {
	case p.starts("["):
		p.skip(1)
		i := &indexed{base: v, key: p.simpleKey(), line: line}
		if p.peek(0) != ']' {
			p.fail("an index in a string does not end")
		}
		p.skip(1)
		return i
	case p.starts("->") && isNameStart(p.peek(2)):
		p.skip(len("->"))
		return &member{object: v, name: p.take(nameLength(p.rest())), line: line}
	case p.starts("?->") && isNameStart(p.peek(3)):
		p.beyond("?-> in a string")
	}
	return v
}

// simpleKeys are the keys of $name[key] in a string: a variable, a bare word or a number.
var simpleKeys = regexp.MustCompile(`^(?:\$?[a-zA-Z_\x{80}-\x{10ffff}][a-zA-Z0-9_\x{80}-\x{10ffff}]*|-?[0-9]+)`)

func (p *parser) simpleKey() expression {
	key := p.take(len(simpleKeys.FindString(p.rest())))
	switch {
	case key == "":
		p.fail("an index in a string is not a name, a number or a variable")
	case key[0] == '$':
		return &variable{key[1:], p.line}
	}
	return &literal{stringKey(key)}
}
