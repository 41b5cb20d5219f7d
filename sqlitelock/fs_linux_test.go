package sqlitelock_test

import (
	"testing"

	"github.com/pawl-go/pawl/sqlitelock"
)

// No network file system can be mounted in a test; so this holds on to the numbers.
func TestNetworkFileSystems(t *testing.T) {
	t.Parallel()
	for magic, want := range map[uint32]string{0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x01021997: "9P"} {
		if got := sqlitelock.NetworkFileSystems[magic]; got != want {
			t.Errorf("%#x: got %q, want %q", magic, got, want)
		}
	}
	for magic, name := range map[uint32]string{0xef53: "ext4", 0x58465342: "XFS", 0x9123683e: "Btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlayfs"} {
		if got := sqlitelock.NetworkFileSystems[magic]; got != "" {
			t.Errorf("%s is refused as %q", name, got)
		}
	}
}
