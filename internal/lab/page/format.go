package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// grouped returns n with a comma after each third digit, as 12,345.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, parts...), ",")
}

// milliseconds returns ms with a decimal where that says anything.
func milliseconds(ms float64) string {
	if math.Abs(ms) < 100 && ms != math.Trunc(ms) {
		return strings.Replace(strconv.FormatFloat(ms, 'f', 1, 64), "-", "−", 1)
	}
	return grouped(int(math.Round(ms)))
}

// rate returns a number per second, with a decimal where that says anything.
func rate(perSecond float64) string {
	if perSecond < 10 && perSecond != math.Trunc(perSecond) {
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return grouped(int(math.Round(perSecond)))
}

// moment returns a time on an axis: in milliseconds, and from a second on in seconds.
func moment(ms float64) string {
	switch rounded := int(math.Round(ms)); {
	case rounded <= -1000 || rounded >= 1000:
		return strings.Replace(strconv.FormatFloat(ms/1000, 'f', 2, 64), "-", "−", 1) + " s"
	case rounded == 0:
		return "0"
	default:
		return grouped(rounded) + " ms"
	}
}

// plural returns n and what is counted, as "1 run" and "2 runs".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + one + "s"
}

// percent is a part of the width of a chart: all charts stretch with the page, and
// their text does not.
type percent float64

// String returns p for an attribute.
func (p percent) String() string { return fmt.Sprintf("%.2f%%", float64(p)) }
