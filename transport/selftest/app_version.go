package selftest

import (
	"context"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/notifypush/notifypush/internal/files"
	"github.com/notifypush/notifypush/transport/nextcloud"
)

// protocolVersion is the app's version whose protocol this server was written to.
const protocolVersion = "1.4.0"

const (
	// lookTime is how long the file system may take to find info.xml, and to read it; maxInfo bounds that file, in bytes.
	lookTime = time.Second
	maxInfo  = 1 << 20
)

// learnTimeout is how long the self test waits for the app's version.
const learnTimeout = 5 * time.Second

// AppVersion knows the version of the app notify_push. The app accepts only a server of its own
// version up to the last dot, so that is what this server says it is.
type AppVersion struct {
	keys      Keys
	nextcloud *nextcloud.Client

	mu      sync.Mutex
	learned string
	told    string // what Nextcloud itself has said; empty while it has not
}

// NewAppVersion begins with what the first readable of infoFiles says (see AppInfoFiles).
func NewAppVersion(keys Keys, nextcloud *nextcloud.Client, infoFiles []string) *AppVersion {
	v := &AppVersion{keys: keys, nextcloud: nextcloud, learned: protocolVersion}
	for _, file := range infoFiles {
		if version, err := readAppInfo(file); err == nil {
			v.learned = version
			break
		}
	}
	return v
}

// Learn has the app write its version to Redis, and reads it from there. It forgets what an older
// version of the app may have written.
func (v *AppVersion) Learn(ctx context.Context) error {
	if err := v.keys.Delete(ctx, keyAppVersion); err != nil {
		return fmt.Errorf("delete the app's old version from Redis: %w", err)
	}
	if err := v.nextcloud.TestVersion(ctx); err != nil {
		return fmt.Errorf("ask Nextcloud for the app's version: %w", err)
	}
	return v.read(ctx)
}

// Known returns the version that was learned last, without asking anybody.
func (v *AppVersion) Known() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.learned
}

// Spoken returns the version of the app to answer as: the app's own where this server knows its
// protocol, which has been the same in all of 1.x. The app is asked again, because it may have been
// updated; where it cannot be, what was learned last counts.
func (v *AppVersion) Spoken(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, learnTimeout)
	defer cancel()
	// Errors don't matter here: the rest of the self test tells of Nextcloud and Redis.
	_ = v.nextcloud.TestVersion(ctx)
	_ = v.read(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if strings.HasPrefix(v.learned, "1.") {
		return v.learned
	}
	return protocolVersion
}

func (v *AppVersion) read(ctx context.Context) error {
	version, found, err := v.keys.Get(ctx, keyAppVersion)
	switch {
	case err != nil:
		return fmt.Errorf("read the app's version from Redis: %w", err)
	case !found || version == "":
		return fmt.Errorf("read the app's version from Redis: there is no %s; does Nextcloud use this Redis, and is its app notify_push enabled?", keyAppVersion)
	}
	v.Adopt(version)
	return nil
}

// Adopt takes what another server of the same Nextcloud has learned.
func (v *AppVersion) Adopt(version string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.learned, v.told = version, version
}

// Told returns the version that Nextcloud has told this server or another one; empty while it has not.
func (v *AppVersion) Told() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.told
}

// AppInfoFiles returns the app's info.xml as it may lie in the Nextcloud of a config.php, in
// whichever of its folders of apps.
func AppInfoFiles(configFile string) []string {
	absolute, err := filepath.Abs(configFile)
	if configFile == "" || err != nil {
		return nil
	}
	root := filepath.Dir(filepath.Dir(absolute))
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	all, _ := files.Within(ctx, func() (all []string, _ error) {
		for _, apps := range []string{"custom_apps", "apps", "*"} {
			found, _ := filepath.Glob(filepath.Join(root, apps, "notify_push", "appinfo", "info.xml"))
			all = append(all, found...)
		}
		return all, nil
	})
	return all
}

// readAppInfo returns the version in an app's info.xml.
func readAppInfo(file string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	text, err := files.Read(ctx, file, maxInfo, nil)
	if err != nil {
		return "", err
	}
	var info struct {
		Version string `xml:"version"`
	}
	if err := xml.Unmarshal([]byte(text), &info); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	if info.Version = strings.TrimSpace(info.Version); info.Version == "" {
		return "", fmt.Errorf("read %s: it holds no version", file)
	}
	return info.Version, nil
}
