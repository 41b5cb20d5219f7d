package fence

import (
	"fmt"
	"net/http"
	"strconv"
)

// Header carries a fencing token in an HTTP request, as a decimal number.
const Header = "Fencing-Token"

// SetHeader makes r carry token. Token 0, that of a slot, is sent as it is; HTTP
// refuses it at the other end.
func SetHeader(r *http.Request, token uint64) {
	r.Header.Set(Header, strconv.FormatUint(token, 10))
}

// FromHeader returns the token that r carries, for a handler that passes it on to
// SQL or SideTable.
//
// Errors: ErrNoToken when there is no header, ErrInvalidToken when it is not one
// number from 1 to 1<<63-1.
func FromHeader(r *http.Request) (uint64, error) {
	values := r.Header.Values(Header)
	switch len(values) {
	case 0:
		return 0, fmt.Errorf("%w: header %s is missing", ErrNoToken, Header)
	case 1:
	default:
		return 0, fmt.Errorf("%w: header %s is given %d times", ErrInvalidToken, Header, len(values))
	}
	token, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil || token == 0 {
		return 0, fmt.Errorf("%w: header %s %q: want a number from 1 to 1<<63-1", ErrInvalidToken, Header, values[0])
	}
	return token, nil
}
