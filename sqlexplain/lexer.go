package sqlexplain

import "strings"

// token is a word, a quoted name, or one other character of a statement.
type token struct {
	text   string // of a quoted name without its quotes
	quoted bool
	string bool // a string literal, whose text is left out
	call   bool // an opening parenthesis follows
	dotted bool // a dot comes before it
}

// is reports whether the token is the keyword or function word, in any case.
func (t token) is(word string) bool {
	return !t.quoted && !t.string && strings.EqualFold(t.text, word)
}

// name reports whether the token can name a table or a function.
func (t token) name() bool {
	return !t.string && (t.quoted || isWordByte(t.text[0]) && !isDigit(t.text[0]))
}

// lexer reads a statement just well enough to tell its words from its strings, quoted
// names and comments. It judges nothing: the server's own parser does that.
type lexer struct {
	text     string
	postgres bool // double quotes are names, no backslashes, dollar quotes, nested comments
}

// lex returns the tokens of a statement.
func lex(text string, postgres bool) []token {
	l := &lexer{text, postgres}
	var tokens []token
	for l.text != "" {
		t, ok := l.next()
		if !ok {
			continue
		}
		if last := len(tokens) - 1; last >= 0 {
			tokens[last].call = t.text == "(" && !t.quoted
			t.dotted = tokens[last].text == "." && !tokens[last].quoted
		}
		tokens = append(tokens, t)
	}
	return tokens
}

// next takes one token, or blanks or a comment, from the text. It always takes
// something.
func (l *lexer) next() (token, bool) {
	c := l.text[0]
	switch {
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		l.text = l.text[1:]
		return token{}, false
	case l.comment():
		return token{}, false
	case c == '\'' || c == '"' && !l.postgres:
		l.quote(c, !l.postgres)
		return token{text: "''", string: true}, true
	case c == '`' && !l.postgres, c == '"':
		return token{text: l.quote(c, false), quoted: true}, true
	case c == '$' && l.postgres && l.dollar():
		return token{text: "''", string: true}, true
	case isWordByte(c):
		return l.word(), true
	}
	l.text = l.text[1:]
	return token{text: string(rune(c))}, true
}

// word takes a word, and the string that belongs to it: E'a\'b'.
func (l *lexer) word() token {
	n := 1
	for n < len(l.text) && (isWordByte(l.text[n]) || l.postgres && l.text[n] == '$') {
		n++
	}
	t := token{text: l.text[:n]}
	l.text = l.text[n:]
	if l.postgres && t.is("e") && strings.HasPrefix(l.text, "'") {
		l.quote('\'', true)
		return token{text: "''", string: true}
	}
	return t
}

// quote takes what stands in quotes, in which a doubled quote stands for one.
func (l *lexer) quote(q byte, backslash bool) string {
	var b strings.Builder
	for i := 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\' && backslash && i+1 < len(l.text):
			i++
			b.WriteByte(l.text[i])
		case c != q:
			b.WriteByte(c)
		case i+1 < len(l.text) && l.text[i+1] == q:
			i++
			b.WriteByte(q)
		default:
			l.text = l.text[i+1:]
			return b.String()
		}
	}
	l.text = "" // it does not end; the server will say so
	return b.String()
}

// dollar takes a string such as $tag$text$tag$.
func (l *lexer) dollar() bool {
	end := strings.IndexByte(l.text[1:], '$') + 2
	if end < 2 {
		return false
	}
	for i := 1; i < end-1; i++ {
		if !isWordByte(l.text[i]) || i == 1 && isDigit(l.text[i]) {
			return false
		}
	}
	tag := l.text[:end]
	_, after, _ := strings.Cut(l.text[end:], tag)
	l.text = after
	return true
}

// comment takes a comment. The insides of MySQL's executable comments are code, and
// only their marks are taken.
func (l *lexer) comment() bool {
	switch {
	case strings.HasPrefix(l.text, "/*!"), strings.HasPrefix(l.text, "/*M!"):
		if !l.postgres {
			l.text = strings.TrimLeft(l.text[strings.IndexByte(l.text, '!')+1:], "0123456789")
			return true
		}
	case !l.postgres && strings.HasPrefix(l.text, "*/"):
		l.text = l.text[2:]
		return true
	}
	switch {
	case strings.HasPrefix(l.text, "/*"):
		l.block()
	case strings.HasPrefix(l.text, "--") && (l.postgres || len(l.text) == 2 || l.text[2] <= ' '), l.text[0] == '#' && !l.postgres:
		_, after, _ := strings.Cut(l.text, "\n")
		l.text = after
	default:
		return false
	}
	return true
}

// block takes a block comment; PostgreSQL's nest.
func (l *lexer) block() {
	depth := 0
	for i := 0; i+1 < len(l.text); i++ {
		switch {
		case l.text[i:i+2] == "/*" && (l.postgres || depth == 0):
			depth++
			i++
		case l.text[i:i+2] == "*/":
			depth--
			i++
			if depth == 0 {
				l.text = l.text[i+1:]
				return
			}
		}
	}
	l.text = ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || c >= 0x80 || isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z'
}
