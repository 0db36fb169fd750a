package php

import "strings"

// parser makes a syntax tree of one file. It looks one token ahead and panics with *syntaxError.
type parser struct {
	lexer
	current token
	strict  bool // declare(strict_types=1)
	path    string
	file    int32 // the index of the file in origins
	depth   int

	declares  map[string]bool // functions, by lower-case name
	namespace string
	classes   map[string]string // what use declared, by lower-case alias
}

// parse returns the syntax tree of a file, or why there is none.
func parse(source, path string, file int32, b *budget) (parsed *script, failed *syntaxError) {
	p := &parser{
		lexer:    lexer{source: source, line: 1, budget: b},
		path:     path,
		file:     file,
		declares: map[string]bool{},
		classes:  map[string]string{},
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *syntaxError:
			failed = r
		default:
			panic(r)
		}
	}()
	p.skipHTML()
	p.advance()
	statements := p.statements()
	if p.current.kind != endOfFile {
		p.unexpected()
	}
	return &script{statements, p.strict, p.declares}, nil
}

// advance accounts for what becomes of the token that it reads.
func (p *parser) advance() {
	p.budget.step(1)
	p.current = p.next()
	switch {
	case closing[p.current.sign]:
	case p.current.kind == operator, p.current.kind == name:
		p.budget.spend(nodeCost)
	default:
		p.budget.spend(leafCost)
	}
}

// closing are the operators that add nothing to the syntax tree.
var closing = wordSet(", ; ) ] }")

// What a node of the syntax tree takes in bytes, with its place in a list: one with others in it, and one without.
const (
	nodeCost = elementCost
	leafCost = 32
)

func (p *parser) unexpected() { p.fail("syntax error, unexpected %s", p.current) }

// is says whether the current token is an operator or a word.
func (p *parser) is(sign string) bool { return p.current.sign == sign }

func (p *parser) accept(sign string) bool {
	if !p.is(sign) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(sign string) {
	if !p.accept(sign) {
		p.fail("syntax error, unexpected %s where '%s' should be", p.current, sign)
	}
}

// identifier takes an unqualified name.
func (p *parser) identifier() string {
	if p.is("") {
		p.unexpected()
	}
	return p.takeText(name)
}

// takeText takes a token of a kind and returns its text.
func (p *parser) takeText(wanted kind) string {
	text := p.current.text
	if p.current.kind != wanted {
		p.unexpected()
	}
	p.advance()
	return text
}

// list reads what stands between commas, of which the last may have nothing behind it, up to a closing bracket.
func (p *parser) list(closing string, read func()) {
	for !p.is(closing) {
		p.budget.spend(nodeCost)
		read()
		if !p.accept(",") {
			break
		}
	}
	p.expect(closing)
}

// several reads what stands between commas up to the end of a statement: one at least, and one after each comma.
func (p *parser) several(read func()) {
	for read(); p.accept(","); {
		read()
	}
	p.expect(";")
}

// following returns the token after the current one.
func (p *parser) following() token {
	saved := p.lexer
	t := p.next()
	p.lexer = saved
	return t
}

// enter guards against source nested so deeply that the stack would have to grow without bound.
func (p *parser) enter() {
	p.depth++
	if p.depth > maxNesting {
		p.beyond("what is nested more than %d deep", maxNesting)
	}
}

func (p *parser) leave() { p.depth-- }

// className resolves the name of a class against namespace and use.
func (p *parser) className(written string) string {
	first, rest, qualified := strings.Cut(written, `\`)
	full, imported := p.classes[strings.ToLower(first)]
	switch {
	case qualified && first == "":
		return rest
	case qualified && strings.EqualFold(first, "namespace"):
		return p.inNamespace(rest)
	case imported && qualified:
		return p.join(full, rest)
	case imported:
		return full
	}
	return p.inNamespace(written)
}

// names resolves the name of a function or constant: where to look first and, if that is not there, second.
func (p *parser) names(written string) (first, fallback string) {
	switch {
	case strings.Contains(written, `\`):
		return p.className(written), ""
	case p.namespace == "":
		return written, ""
	}
	return p.inNamespace(written), written
}

func (p *parser) inNamespace(relative string) string {
	if p.namespace == "" {
		return relative
	}
	return p.join(p.namespace, relative)
}

func (p *parser) join(namespace, relative string) string {
	p.budget.spend(2 * (len(namespace) + len(relative)))
	return namespace + `\` + relative
}
