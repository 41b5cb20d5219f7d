package zklock

import (
	"context"
	"net/url"

	"github.com/pawl-go/pawl/driver"
)

// Open returns a driver as New does.
//
//	zookeeper://[USER:PASSWORD@]HOST:PORT,HOST:PORT/CHROOT
//
// Ports and CHROOT may be left out, but not the port of the last host alone; CHROOT has to
// exist. User and password are those of the digest scheme. Parameters:
//
//	session=15s      Options.Session
//	tick=2s          Options.Tick
//	recipe=mutex     Options.Recipe: mutex or readwrite
//	timeout=3s       Options.Timeout
//	acl=open         who has rights on what is created: open for everybody, creator for the
//	                 user alone, which is the default where there is one
//	tls=true         use TLS
//	ca=FILE          with TLS: trust the certificates in this PEM file, not those of the system
//	insecure=true    with TLS: trust any certificate
//
// Nothing is written before the first lock. Errors, of one line each, are those of New.
func Open(ctx context.Context, u *url.URL) (driver.Driver, error) {
	servers, opts, err := parseURL(u)
	if err != nil {
		return nil, err
	}
	return New(ctx, servers, opts)
}
