package pglock_test

import (
	"github.com/pawl-go/pawl"
)

// pawlShared is pawl.Shared as an option.
var pawlShared = pawl.Shared()
