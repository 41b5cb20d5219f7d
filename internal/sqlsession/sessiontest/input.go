package sessiontest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Input is a URL that must be refused.
type Input struct {
	URL  string
	Says string // a part of the error
	Is   error  // nil for driver.ErrInvalidOption
}

// BadInput checks that open refuses each URL with an error of one line that says why.
func BadInput(t *testing.T, open func(ctx context.Context, u *url.URL) (driver.Driver, error), inputs map[string]Input) {
	for name, in := range inputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(in.URL)
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			d, err := open(ctx, u)
			if err == nil {
				_ = d.Close()
				t.Fatal("opened")
			}
			want := in.Is
			if want == nil {
				want = driver.ErrInvalidOption
			}
			if !errors.Is(err, want) || !strings.Contains(err.Error(), in.Says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\nwant one line that says %q and matches %v", err, in.Says, want)
			}
		})
	}
}

// Checked runs Check, which must find nothing wrong but warnings.
func Checked(t *testing.T, d driver.Driver) {
	t.Helper()
	findings, err := d.(driver.Checker).Check(t.Context())
	must(t, err)
	if len(findings) < 4 {
		t.Errorf("only %d findings", len(findings))
	}
	for _, f := range findings {
		t.Logf("%s: %s: %s", f.Level, f.What, f.Text)
		if f.Level == driver.Problem || f.What == "" || f.Text == "" {
			t.Errorf("%+v", f)
		}
	}
}
