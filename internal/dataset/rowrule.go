package dataset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Limits of an expression: what it may hold, and what one row may allocate.
const (
	maxRuleBytes  = 4096
	maxRuleNodes  = 200
	ruleMemory    = 10000
	ruleFunctions = "len abs ceil floor round min max trim upper lower int float string"
)

// rowRule is an expression over the columns of a row, compiled.
type rowRule struct {
	text     string
	root     ast.Node
	program  *vm.Program
	columns  []string // that it names, sorted
	nullable bool     // it speaks of nil, so rows with nulls count
}

// compileRule reads an expression. Loops, ranges and calls that grow data are
// refused, so that the cost of a row is bounded by the length of the text.
func compileRule(text string) (*rowRule, error) {
	if len(text) > maxRuleBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(text), maxRuleBytes)
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, explainRule(err)
	}
	rule := &rowRule{text: text, root: tree.Node}
	v := &ruleVisitor{}
	ast.Walk(&tree.Node, v)
	if v.err != nil {
		return nil, v.err
	}
	rule.columns, rule.nullable = v.names, v.speaksOfNil
	slices.Sort(rule.columns)
	rule.columns = slices.Compact(rule.columns)
	if len(rule.columns) == 0 {
		return nil, errors.New("it names no column")
	}
	options := []expr.Option{expr.Env(map[string]any{}), expr.AllowUndefinedVariables(), expr.AsBool(), expr.MaxNodes(maxRuleNodes), expr.DisableAllBuiltins()}
	for name := range strings.FieldsSeq(ruleFunctions) {
		options = append(options, expr.EnableBuiltin(name))
	}
	if rule.program, err = expr.Compile(text, options...); err != nil {
		return nil, explainRule(err)
	}
	return rule, nil
}

// explainRule keeps the message's first line: the rest draws the place with a caret.
func explainRule(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(first)
}

// ruleVisitor finds the columns of an expression and what must not stand in it.
type ruleVisitor struct {
	names       []string
	speaksOfNil bool
	err         error
}

// Visit implements ast.Visitor.
func (v *ruleVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "$env" {
			v.names = append(v.names, n.Value)
		}
	case *ast.MemberNode:
		of, ok := n.Node.(*ast.IdentifierNode)
		name, text := n.Property.(*ast.StringNode)
		if !ok || !text || of.Value != "$env" {
			v.err = errors.New(`only columns can be named; write $env["my column"] for a name that is no word`)
			return
		}
		v.names = append(v.names, name.Value)
	case *ast.NilNode:
		v.speaksOfNil = true
	case *ast.BinaryNode:
		if n.Operator == ".." {
			v.err = errors.New("a range (..) is not allowed; compare with <= and >=")
		}
	case *ast.CallNode, *ast.BuiltinNode:
		v.call(n)
	case *ast.PredicateNode, *ast.PointerNode, *ast.VariableDeclaratorNode, *ast.SequenceNode:
		v.err = errors.New("loops and variables are not allowed; a rule looks at one row")
	}
}

func (v *ruleVisitor) call(n ast.Node) {
	name := ""
	switch n := n.(type) {
	case *ast.BuiltinNode:
		name = n.Name
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			name = id.Value
		}
	}
	if !slices.Contains(strings.Fields(ruleFunctions), name) {
		v.err = fmt.Errorf("function %q is not known here; known are %s", name, strings.ReplaceAll(ruleFunctions, " ", ", "))
	}
}

// holds evaluates the rule on one row. machine is reused from row to row.
func (r *rowRule) holds(machine *vm.VM, row map[string]any) (bool, error) {
	machine.MemoryBudget = ruleMemory
	out, err := machine.Run(r.program, row)
	if err != nil {
		return false, explainRule(err)
	}
	held, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("it gives %T, want true or false", out)
	}
	return held, nil
}
