package php

// The syntax tree. An expression is one of the pointer types of the first part, a statement one of the second.
type (
	expression = any
	statement  = any
)

type (
	literal struct{ value Value }

	// interpolation is a string with variables in it.
	interpolation struct{ parts []expression }

	// arrayLiteral is also the pattern of a destructuring assignment, where an item without key and value is skipped.
	arrayLiteral struct{ items []arrayItem }

	arrayItem struct {
		key, value  expression // key is nil in a list
		byReference bool
		spread      bool
		line        int32
	}

	variable struct {
		name string
		line int32
	}

	// dynamicVariable is $$name or ${'name'}.
	dynamicVariable struct {
		name expression
		line int32
	}

	// indexed is base[key]; the key is nil in base[].
	indexed struct {
		base, key expression
		line      int32
	}

	// property is base->name.
	property struct {
		base, name expression
		nullsafe   bool
		line       int32
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
		name   string // of a named argument
		value  expression
		spread bool
	}

	// foreignCall is a method, static method or constructor. Of constructors only those of stdClass and of exceptions are known.
	foreignCall struct {
		object    expression // nil for a static method and a constructor
		class     string     // "" when it is not a plain name
		method    string     // "" for a constructor
		arguments []argument
		line      int32
	}

	unary struct {
		op      string
		operand expression
	}

	binary struct {
		op          string
		left, right expression
		line        int32
	}

	ternary struct {
		condition, then, otherwise expression // then is nil in ?:
		grouped                    bool       // in parentheses
	}

	// assignment has op "=" or a compound one. By reference when both sides name the same variable afterwards.
	assignment struct {
		target, value expression
		op            string
		byReference   bool
		line          int32
	}

	increment struct {
		target expression
		op     string // ++ or --
		prefix bool
		line   int32
	}

	cast struct {
		to      string
		operand expression
		line    int32
	}

	issetExpression struct{ operands []expression }

	emptyExpression struct{ operand expression }

	include struct {
		path     expression
		once     bool
		required bool
		line     int32
	}

	exitExpression struct{ line int32 }

	throwExpression struct {
		operand expression
		line    int32
	}

	matchExpression struct {
		subject expression
		arms    []matchArm
		line    int32
	}

	matchArm struct {
		conditions []expression // empty in the default arm
		result     expression
	}

	functionExpression struct {
		function *function
		line     int32
	}

	// beyond is an expression that this package does not evaluate.
	beyond struct {
		reason   string
		operands []expression // which are evaluated, or may be changed, all the same
		line     int32
	}
)

type function struct {
	name        string
	parameters  []parameter
	result      *typeHint
	body        []statement
	arrow       bool // fn: sees its surroundings
	uses        []closureUse
	generator   bool
	byReference bool
	at          origin
	strict      bool            // declared in a file with strict_types
	mentions    map[string]bool // of an arrow function, once they were looked for
}

type parameter struct {
	name        string
	fallback    expression
	hint        *typeHint
	byReference bool
	variadic    bool
}

type closureUse struct {
	name        string
	byReference bool
}

// typeHint is a declared type: the alternatives in lower case.
type typeHint struct{ alternatives []string }

type (
	// expressionStatement is also echo and print, whose output goes nowhere.
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

	doLoop struct {
		body      []statement
		condition expression
		line      int32
	}

	foreach struct {
		subject, key, value expression // key may be nil
		byReference         bool
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
		line   int32
	}

	returnStatement struct {
		value expression
		line  int32
	}

	functionDeclaration struct{ function *function }

	classDeclaration struct{ name string }

	constantDeclaration struct {
		name  string
		value expression
		line  int32
	}

	globalStatement struct{ names []string }

	staticStatement struct {
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
		finally []statement
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
	strict     bool // declare(strict_types=1)
}
