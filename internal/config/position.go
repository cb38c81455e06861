package config

import (
	"bytes"
	"slices"

	"github.com/protocolbuffers/txtpbfmt/ast"
	"github.com/protocolbuffers/txtpbfmt/parser"
)

// positions knows where in a text the parts of its messages are. It is made
// only when there is something to report: it costs more than reading the file.
type positions struct {
	text  []byte
	root  []*ast.Node
	lines []int // where each line begins
}

// locate reads a text that is known to be right. Should the formatter's parser
// see that otherwise, no position is known, and that is all.
func locate(text []byte) positions {
	// The formatter takes orders from comments, and may reorder what it reads.
	root, err := parser.Parse(bytes.ReplaceAll(text, []byte("txtpbfmt:"), []byte("txtpbfmt.")))
	if err != nil {
		return positions{}
	}
	p := positions{text: text, root: root, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	return p
}

// find returns line and column of a field of a place, or of the innermost part
// of its path that was written down; zeros if there is none.
func (p *positions) find(at *place, field string) (line, column int) {
	var steps []place
	if field != "" {
		steps = append(steps, place{field: field, index: single})
	}
	for ; at != nil; at = at.up {
		steps = append(steps, *at)
	}
	slices.Reverse(steps)

	nodes, offset := p.root, -1
	for _, step := range steps {
		node := child(nodes, step.field, max(step.index, 0))
		if node == nil {
			break
		}
		offset, nodes = int(node.Start.Byte), node.Children
	}
	if offset < 0 {
		return 0, 0
	}
	return p.position(offset)
}

// child returns the n-th value of a field, whether the values are written one
// by one or as lists.
func child(nodes []*ast.Node, field string, n int) *ast.Node {
	for _, node := range nodes {
		if node.Name != field {
			continue
		}
		switch {
		case node.ChildrenAsList && n < len(node.Children):
			return node.Children[n]
		case node.ChildrenAsList:
			n -= len(node.Children)
		case node.ValuesAsList && n >= len(node.Values):
			n -= len(node.Values)
		case node.ValuesAsList || n == 0:
			return node
		default:
			n--
		}
	}
	return nil
}

// position turns the offset of a node, which counts the blanks and comments
// above it as its own, into line and column of its first character.
func (p *positions) position(offset int) (line, column int) {
	for offset < len(p.text) {
		if c := p.text[offset]; c == '#' {
			end := bytes.IndexByte(p.text[offset:], '\n')
			if end < 0 {
				break
			}
			offset += end
		} else if !bytes.ContainsRune([]byte(" \t\r\n,;"), rune(c)) {
			break
		}
		offset++
	}
	line, found := slices.BinarySearch(p.lines, offset)
	if !found {
		line--
	}
	return line + 1, offset - p.lines[line] + 1
}
