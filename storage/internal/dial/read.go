package dial

import (
	"context"
	"io/fs"
	"time"

	"github.com/notifypush/notifypush/internal/files"
)

// What config.php names is read in bounded time and memory, whatever it is: as root, too, who may not be the one who wrote config.php.
const (
	lookTime   = time.Second
	maxFile    = 16 << 20 // bytes; lists of revoked certificates have some MiB
	maxEntries = 10_000
)

func readFile(path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	content, err := files.Read(ctx, path, maxFile, nil)
	return []byte(content), err
}

func listFolder(path string) ([]fs.DirEntry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	return files.List(ctx, path, maxEntries)
}
