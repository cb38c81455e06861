package vm

import (
	"bytes"
	"fmt"
)

// dirMode marks a directory in a file's mode (S_IFDIR).
const dirMode = 0o040000

// file is one entry of an archive.
type file struct {
	name string
	mode uint32 // permissions; a regular file unless dirMode is set
	data []byte
}

// writeCpio writes files in the "newc" format that the kernel takes as an
// initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
// The same files give the same bytes.
func writeCpio(b *bytes.Buffer, files []file) {
	for i, f := range append(files, file{name: "TRAILER!!!"}) {
		mode := f.mode
		if mode != 0 && mode&dirMode == 0 {
			mode |= 0o100000 // S_IFREG
		}
		// magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor,
		// devminor, rdevmajor, rdevminor, namesize, check
		fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			i+1, mode, 0, 0, 1, 0, len(f.data), 0, 0, 0, 0, len(f.name)+1, 0)
		b.WriteString(f.name)
		b.WriteByte(0)
		pad(b)
		b.Write(f.data)
		pad(b)
	}
}

// pad fills up to a multiple of four bytes.
func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}
