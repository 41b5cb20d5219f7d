package sessiontest

// Gaps are the cases of the suite that ask more than a lock of a session can do, with
// the reasons.
var Gaps = gaps(map[string][]string{
	"the server knows sessions, not leases: it shows no holder id and no token": {
		"RenewExpired", "SharedBatch", "SharedExcludes", "ExpiryStoppedProcess", "ExpiryShared", "ExpiryToldFirst",
		"ExpiryTwoTTLs", "Expiry", "InspectByClient", "InspectShows",
	},
	"the server shows no expiry: it ends the session when nothing comes from it": {"RenewExtends"},
	"names are hashed, so that they cannot be listed":                            {"NamesOdd", "ListPrefix"},
	"only the client that asked can release: its connection is the lock":         {"CloseDriver", "OrphanDelayedAcquire"},
})

func gaps(reasons map[string][]string) map[string]string {
	gaps := make(map[string]string)
	for reason, cases := range reasons {
		for _, name := range cases {
			gaps[name] = reason
		}
	}
	return gaps
}
