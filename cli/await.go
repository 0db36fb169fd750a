package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/backoff"
	"github.com/notifypush/notifypush/internal/paths"
)

// awaitRetry is how often it is tried whether the files are there.
const awaitRetry = time.Second

// awaitSettings loads the settings until all files that they need can be read: config.php and secrets may be on a volume that is mounted
// later. It returns early, with Errors, when settings are wrong, which does not pass by itself, and with nil when ctx ends.
func awaitSettings(ctx context.Context, load func(context.Context) *config.Result, manager *serviceManager, log *zap.Logger) *config.Result {
	waiting := outage{log: log, begins: "waiting for the configuration", ends: "the configuration can be read"}
	for {
		result := load(ctx)
		missing := cmp.Or(result.Err(), missingFile(result.Settings))
		switch {
		case result.IsWrong:
			return result
		case missing == nil:
			waiting.end()
			return result
		}
		waiting.fail(missing)
		manager.wait(missing)
		if !backoff.Pause(ctx.Done(), backoff.Jitter(awaitRetry)) {
			return nil
		}
	}
}

// missingFile says which of the files that the server opens at its start is not there yet, or not for this user.
func missingFile(s config.Settings) error {
	for _, file := range []struct{ flag, path string }{
		{"tls-cert", s.Listen.TLSCert}, {"tls-key", s.Listen.TLSKey}, {"nextcloud-ca", s.Nextcloud.CAFile},
	} {
		if file.path == "" {
			continue
		}
		opened, err := os.Open(file.path)
		if err == nil {
			info, statErr := opened.Stat()
			_ = opened.Close()
			if statErr == nil && info.Size() == 0 {
				return fmt.Errorf("--%s: %s is empty", file.flag, file.path)
			}
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			continue // who opens it says what is wrong
		}
		err = fmt.Errorf("--%s: %w", file.flag, err)
		if fault := paths.FolderFault(file.path); fault != "" {
			return fmt.Errorf("%w: %s", err, fault)
		}
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: user %s must be able to read it", err, paths.ProcessUser())
		}
		return err
	}
	return nil
}
