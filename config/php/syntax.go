package php

// expression is a node of the syntax tree that has a value, statement one that has none. Both sets are closed: each kind of node
// says how PHP evaluates it and what that may change, and the compiler finds the kind that does not.
type (
	expression interface {
		eval(e *evaluator) Value
		changes() bool
	}

	statement interface{ execute(e *evaluator) outcome }
)

type (
	literal struct{ value Value }

	// interpolation is a string with variables in it.
	interpolation struct{ parts []expression }

	// arrayLiteral is also the pattern of a destructuring assignment, where an item without key and value is skipped.
	arrayLiteral struct {
		constant *Array // of the first items, as far as they are literals; nil when there are none
		items    []arrayItem
	}

	arrayItem struct {
		key, value expression // key is nil in a list
		spread     bool
		line       int32
	}

	variable struct {
		name string
		line int32
	}

	// indexed is base[key]; the key is nil in base[].
	indexed struct {
		base, key expression
		line      int32
	}

	// property is base->name.
	property struct {
		base     expression
		name     string
		nullsafe bool
	}

	staticProperty struct {
		class, name string
		line        int32
	}

	classConstant struct {
		class, name string
		line        int32
	}

	// constant is looked up as name and then, inside a namespace, as fallback.
	constant struct {
		name, fallback string
		line           int32
	}

	// call is of a function by its name, or of what an expression gives.
	call struct {
		name, fallback string
		callee         expression
		arguments      []argument
		partial        bool // f(...), the function itself
		line           int32
	}

	argument struct {
		value  expression
		named  bool
		spread bool
	}

	// construction is new Class(…).
	construction struct {
		class     string
		arguments []argument
		line      int32
	}

	// method is a call of a method, or of a static one if there is no object.
	method struct {
		object      expression
		class, name string
		arguments   []argument
		line        int32
	}

	// unary has an operator before its operand, or the type of a cast.
	unary struct {
		op      string
		operand expression
	}

	// chain is operands with binary operators between them that bind equally, evaluated from the left.
	chain struct {
		first expression
		links []link
	}

	link struct {
		op      string
		operand expression
		unsafe  bool // to leave out, because it changes something; only where the operator decides
	}

	coalesce struct {
		left, right expression
		unsafe      bool // the right side changes something
	}

	ternary struct {
		condition, then, otherwise expression // then is nil in ?:
		grouped                    bool       // in parentheses
		unsafe                     bool       // a branch changes something
	}

	// assignment has op "=", a compound one, or ++ and -- with the value 1.
	assignment struct {
		target, value expression
		op            string
		postfix       bool // it is worth what was there before
		line          int32
	}

	issetExpression struct{ operands []expression }

	emptyExpression struct{ operand expression }

	include struct {
		path     expression
		once     bool
		required bool
		line     int32
	}

	exitExpression struct{}

	throwExpression struct{ operand expression }

	matchExpression struct {
		subject expression
		arms    []matchArm
		unsafe  bool // an arm changes something
	}

	matchArm struct {
		conditions []expression // empty in the default arm
		result     expression
	}

	functionExpression struct {
		function *function
		line     int32
	}

	// beyond is what this package does not evaluate. Nothing is known once PHP would have come to it.
	beyond struct {
		reason string
		line   int32
	}
)

type function struct {
	name       string
	parameters []parameter
	result     []string // the alternatives of the declared type, in lower case; none where there is no type
	body       []statement
	arrow      bool // fn: sees its surroundings
	uses       []string
	beyond     string // why it cannot be called here, or ""
	at         origin
	strict     bool // declared in a file with strict_types
}

type parameter struct {
	name     string
	fallback expression
	hint     []string // as a function's result
	variadic bool
}

type (
	// expressionStatement is also echo, whose output goes nowhere.
	expressionStatement struct {
		expression expression
		line       int32
	}

	block struct{ statements []statement }

	ifStatement struct {
		branches  []ifBranch
		otherwise []statement
		line      int32
	}

	ifBranch struct {
		condition expression
		body      []statement
	}

	// loop is for and while: a while has only a condition.
	loop struct {
		before, conditions, after []expression
		body                      []statement
		line                      int32
	}

	foreach struct {
		subject, key, value expression // key may be nil
		body                []statement
		line                int32
	}

	switchStatement struct {
		subject expression
		cases   []switchCase
		line    int32
	}

	switchCase struct {
		value expression // nil for default
		body  []statement
	}

	// jump is break or continue out of, or within, so many loops.
	jump struct {
		kind   flow
		levels int
	}

	returnStatement struct {
		value expression
		line  int32
	}

	functionDeclaration struct{ function *function }

	constantDeclaration struct {
		name  string
		value expression
		line  int32
	}

	unsetStatement struct {
		targets []expression
		line    int32
	}

	tryStatement struct {
		body    []statement
		catches []catchClause
	}

	catchClause struct {
		classes  []string
		variable string
		body     []statement
	}
)

// script is a parsed file.
type script struct {
	statements []statement
	strict     bool            // declare(strict_types=1)
	declares   map[string]bool // the functions that it declares anywhere, in lower case
}
