package sqlitelock

import (
	"bufio"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// networkFileSystems are those whose users do not share memory, by the magic numbers
// of statfs(2).
var networkFileSystems = map[uint32]string{
	0x00006969: "NFS",
	0x0000517b: "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x5346414f: "AFS",
	0x73757245: "Coda",
	0x00c36400: "Ceph",
	0x01021997: "9P",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
	0x0000564c: "NCP",
	0x19830326: "BeeGFS",
}

const fuse = 0x65735546

// networkFS returns the name of the network file system that folder is on, or "".
func networkFS(folder string) string {
	var stat unix.Statfs_t
	if unix.Statfs(folder, &stat) != nil {
		return ""
	}
	magic := uint32(stat.Type)
	if magic == fuse {
		return networkFUSE(folder)
	}
	return networkFileSystems[magic]
}

// networkFUSE tells the FUSE file systems that reach over a network from the others
// by the type of the mount.
func networkFUSE(folder string) string {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return ""
	}
	defer mounts.Close()
	best, kind := "", ""
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue
		}
		point := strings.ReplaceAll(fields[1], `\040`, " ")
		within := folder == point || strings.HasPrefix(folder, strings.TrimSuffix(point, "/")+"/")
		if within && len(point) >= len(best) {
			best, kind = point, fields[2]
		}
	}
	return networkMounts[kind]
}

var networkMounts = map[string]string{
	"fuse.sshfs":     "SSHFS",
	"fuse.s3fs":      "S3FS",
	"fuse.gcsfuse":   "GCSFuse",
	"fuse.rclone":    "rclone",
	"fuse.glusterfs": "GlusterFS",
	"fuse.ceph-fuse": "Ceph",
	"fuse.juicefs":   "JuiceFS",
	"fuse.davfs":     "WebDAV",
}
