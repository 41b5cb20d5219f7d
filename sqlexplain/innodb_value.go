package sqlexplain

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The values of index entries come in InnoDB's own storage format: numbers with the
// highest byte first and the sign bit turned over, so that bytes sort like values. The
// formats are those of the MySQL manual's "Date and Time Data Type Representation" and
// of decimal2bin in the server's source.

// value returns the text of a stored value. What it does not know it gives in hex.
func (c column) value(raw []byte) string {
	unknown := "0x" + strings.ToUpper(hex.EncodeToString(raw))
	switch c.dataType {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return c.integer(raw, unknown)
	case "date", "year", "enum", "set", "bit":
		if len(raw) > 8 {
			return unknown
		}
		n := bigEndian(raw)
		if c.dataType == "date" {
			n ^= 1 << 23
		}
		return c.number(n)
	case "float", "double":
		return floating(raw, unknown)
	case "decimal":
		return c.decimal(raw, unknown)
	case "datetime", "timestamp", "time":
		return c.temporal(raw, unknown)
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return c.text(raw, unknown)
	}
	return unknown
}

func bigEndian(raw []byte) (n uint64) {
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return n
}

func (c column) integer(raw []byte, unknown string) string {
	if len(raw) == 0 || len(raw) > 8 {
		return unknown
	}
	n := bigEndian(raw)
	if strings.Contains(c.fullType, "unsigned") {
		return strconv.FormatUint(n, 10)
	}
	bits := 8 * len(raw)
	return strconv.FormatInt(int64(n^1<<(bits-1))<<(64-bits)>>(64-bits), 10)
}

// number returns the text of what is stored as a plain number.
func (c column) number(n uint64) string {
	switch c.dataType {
	case "date": // the day in 5 bits, the month in 4, the year
		return fmt.Sprintf("%04d-%02d-%02d", n>>9, n>>5&15, n&31)
	case "year":
		if n > 0 {
			n += 1900
		}
		return fmt.Sprintf("%04d", n)
	case "enum":
		if members := c.members(); n > 0 && n <= uint64(len(members)) {
			return members[n-1]
		}
	case "set":
		var in []string
		for i, member := range c.members() {
			if n>>i&1 == 1 {
				in = append(in, member)
			}
		}
		return strings.Join(in, ",")
	}
	return strconv.FormatUint(n, 10)
}

var quoted = regexp.MustCompile(`'(?:[^']|'')*'`)

// members returns the values of an ENUM or SET.
func (c column) members() []string {
	members := quoted.FindAllString(c.fullType, -1)
	for i, m := range members {
		members[i] = unquote(m)
	}
	return members
}

func unquote(text string) string {
	return strings.ReplaceAll(text[1:len(text)-1], "''", "'")
}

// floating reads the one format that is not stored to be sorted by bytes.
func floating(raw []byte, unknown string) string {
	switch len(raw) {
	case 4:
		return strconv.FormatFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))), 'g', -1, 32)
	case 8:
		return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(raw)), 'g', -1, 64)
	}
	return unknown
}

func (c column) text(raw []byte, unknown string) string {
	if !utf8.Valid(raw) {
		return unknown
	}
	if c.dataType == "char" {
		return strings.TrimRight(string(raw), " ")
	}
	return string(raw)
}

// params returns the numbers in the parentheses of the type.
func (c column) params() (first, second int) {
	if _, after, ok := strings.Cut(c.fullType, "("); ok {
		_, _ = fmt.Sscanf(after, "%d,%d", &first, &second)
	}
	return first, second
}

// digitBytes is how many bytes so many digits take.
var digitBytes = [...]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

// decimal reads groups of nine digits in four bytes each; the outermost groups may be
// shorter. All bytes of a negative number are turned over.
func (c column) decimal(raw []byte, unknown string) string {
	precision, scale := c.params()
	whole := precision - scale
	if whole < 0 || len(raw) != whole/9*4+digitBytes[whole%9]+scale/9*4+digitBytes[scale%9] || len(raw) == 0 {
		return unknown
	}
	b := append([]byte{}, raw...)
	sign := ""
	if b[0]&0x80 == 0 {
		sign = "-"
		for i := range b {
			b[i] = ^b[i]
		}
	}
	b[0] ^= 0x80
	var digits strings.Builder
	take := func(n int) {
		if n > 0 {
			fmt.Fprintf(&digits, "%0*d", n, bigEndian(b[:digitBytes[n]]))
			b = b[digitBytes[n]:]
		}
	}
	take(whole % 9)
	for range whole / 9 {
		take(9)
	}
	text := strings.TrimLeft(digits.String(), "0")
	if text == "" {
		text = "0"
	}
	digits.Reset()
	for range scale / 9 {
		take(9)
	}
	take(scale % 9)
	if scale > 0 {
		text += "." + digits.String()
	}
	return sign + text
}

// temporal reads a moment of five, four or three bytes and the fraction after it, two
// digits a byte.
func (c column) temporal(raw []byte, unknown string) string {
	width := map[string]int{"datetime": 5, "timestamp": 4, "time": 3}[c.dataType]
	if len(raw) < width || len(raw) > width+3 {
		return unknown
	}
	rest := len(raw) - width
	n := int64(bigEndian(raw))
	if c.dataType != "timestamp" {
		n -= 1 << (8*len(raw) - 1)
	}
	sign := ""
	if n < 0 && c.dataType == "time" {
		sign, n = "-", -n
	}
	fraction := ""
	if places, _ := c.params(); places > 0 && rest > 0 {
		fraction = "." + fmt.Sprintf("%0*d", 2*rest, n&(1<<(8*rest)-1))[:min(places, 2*rest)]
	}
	n >>= 8 * rest
	switch c.dataType {
	case "timestamp": // the server's zone is not known here
		return time.Unix(n, 0).UTC().Format(time.DateTime) + fraction + "+00:00"
	case "time":
		return fmt.Sprintf("%s%02d:%02d:%02d%s", sign, n>>12&1023, n>>6&63, n&63, fraction)
	}
	months := n >> 22
	return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d%s", months/13, months%13, n>>17&31, n>>12&31, n>>6&63, n&63, fraction)
}

// hex returns the text of a value whose stored bytes are given as digits.
func (c column) hex(digits, unknown string) string {
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return unknown
	}
	return c.value(raw)
}
