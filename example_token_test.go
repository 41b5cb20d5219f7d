package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
)

// row is a protected resource: it remembers the largest token that it has seen.
type row struct {
	value string
	token uint64
}

var errStale = errors.New("refused: a later holder has written")

func (r *row) write(value string, token uint64) error {
	if token < r.token {
		return errStale
	}
	r.value, r.token = value, token
	return nil
}

// A holder that was paused beyond its lease does not know that it is not alone.
// Nothing protects from it but a resource that compares tokens; package fence does
// that for SQL rows and for HTTP.
func ExampleLock_Token() {
	ctx := context.Background()
	client := open()
	defer client.Close(ctx)
	stock := &row{}

	paused, _ := client.Lock(ctx, "stock:42", pawl.NoRenew(), pawl.TTL(20*time.Millisecond))
	defer paused.Unlock()

	next, _ := client.Lock(ctx, "stock:42") // when the lease of the first has run out
	defer next.Unlock()

	fmt.Println("next:", stock.write("41 left", next.Token()))
	fmt.Println("paused:", stock.write("40 left", paused.Token()))
	fmt.Println(stock.value)
	// Output:
	// next: <nil>
	// paused: refused: a later holder has written
	// 41 left
}
