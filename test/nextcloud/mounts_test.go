package nextcloud_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mountsKnown is how long it may take until a push follows a mount that is new, and until a mount that is gone has no push.
const mountsKnown = 5 * time.Second

// mounts are the ways in which people come to see files, and to see them no longer.
var mounts = tests{
	"SharedWithUser":  (*installation).testSharedWithUser,
	"SharedWithGroup": (*installation).testSharedWithGroup,
	"SharedOffline":   (*installation).testSharedOffline,
	"SharedDeeper":    (*installation).testSharedDeeper,
	"Unshared":        (*installation).testUnshared,
	"LeftGroup":       (*installation).testLeftGroup,
	"ExternalStorage": (*installation).testExternalStorage,
}

// look lists the files of the account: only then does Nextcloud write down what was shared with it.
func (a *account) look(t *testing.T) {
	t.Helper()
	a.dav(t, "PROPFIND", a.path(""), "", "Depth", "1")
}

// requireFileSoon expects a push for a file in its time.
func (c *client) requireFileSoon(fileID uint64) {
	c.t.Helper()
	_, found := c.awaitWithin(mountsKnown, func(text string) bool { return slices.Contains(idsOf(text), fileID) })
	require.True(c.t, found, "no push for file %d in %v; there were %q", fileID, mountsKnown, c.heard)
}

// requireNoFile expects none for as long as it might take.
func (c *client) requireNoFile(fileID uint64) {
	c.t.Helper()
	_, found := c.awaitWithin(mountsKnown, func(text string) bool {
		return slices.Contains(idsOf(text), fileID) || text == "notify_file"
	})
	require.False(c.t, found, "a push for file %d, which is not shared: %q", fileID, c.heard)
}

// requireUnshared expects that changes in a folder are soon none of the receiver's business: the first may still be matched
// against what was known.
func (a *account) requireUnshared(t *testing.T, receiver *client, folder string) {
	t.Helper()
	a.upload(t, folder+"/after.txt")
	receiver.forget(mountsKnown)
	receiver.requireNoFile(a.upload(t, folder+"/later.txt"))
}

// testSharedWithUser uploads to a folder whose storage has been known for some time, right after it was shared.
func (i *installation) testSharedWithUser(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	alice.makeFolder(t, "shared")
	owner, receiver := alice.connect(t), bob.connect(t)
	owner.awaitFile(alice.upload(t, "shared/before.txt"))
	alice.share(t, "shared", withUser, bob.id)
	receiver.awaitText("notify_file")
	bob.look(t)
	file := alice.upload(t, "shared/after.txt")
	owner.requireFileSoon(file)
	receiver.requireFileSoon(file)
	file = bob.upload(t, "shared/answer.txt")
	owner.requireFileSoon(file)
	receiver.requireFileSoon(file)
}

func (i *installation) testSharedWithGroup(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	group := i.newGroup(t, bob)
	alice.makeFolder(t, "shared")
	owner, receiver := alice.connect(t), bob.connect(t)
	owner.awaitFile(alice.upload(t, "shared/before.txt"))
	alice.share(t, "shared", withGroup, group)
	receiver.awaitText("notify_notification")
	bob.look(t)
	receiver.requireFileSoon(alice.upload(t, "shared/after.txt"))
}

// testSharedOffline shares with somebody who comes later, when no event says so any more.
func (i *installation) testSharedOffline(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	alice.makeFolder(t, "shared")
	owner := alice.connect(t)
	owner.awaitFile(alice.upload(t, "shared/before.txt"))
	alice.share(t, "shared", withUser, bob.id)
	owner.awaitFile(alice.upload(t, "shared/between.txt"))
	bob.look(t)
	receiver := bob.connect(t)
	receiver.requireFileSoon(alice.upload(t, "shared/after.txt"))
}

// testSharedDeeper shares a folder in a folder: what changes beside it is nothing to the receiver.
func (i *installation) testSharedDeeper(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	alice.makeFolder(t, "top")
	alice.makeFolder(t, "top/shared")
	alice.makeFolder(t, "top/shared with nobody")
	alice.share(t, "top/shared", withUser, bob.id)
	bob.look(t)
	receiver := bob.connect(t)
	receiver.requireFileSoon(alice.upload(t, "top/shared/a.txt"))
	receiver.requireNoFile(alice.upload(t, "top/shared with nobody/b.txt"))
}

func (i *installation) testUnshared(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	alice.makeFolder(t, "shared")
	share := alice.share(t, "shared", withUser, bob.id)
	bob.look(t)
	receiver := bob.connect(t)
	receiver.requireFileSoon(alice.upload(t, "shared/before.txt"))
	alice.unshare(t, share)
	bob.look(t)
	alice.requireUnshared(t, receiver, "shared")
}

func (i *installation) testLeftGroup(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	group := i.newGroup(t, bob)
	alice.makeFolder(t, "shared")
	alice.share(t, "shared", withGroup, group)
	bob.look(t)
	receiver := bob.connect(t)
	receiver.requireFileSoon(alice.upload(t, "shared/before.txt"))
	i.occ(t, "group:removeuser", group, bob.id)
	bob.look(t)
	alice.requireUnshared(t, receiver, "shared")
}

// testExternalStorage gives a storage to a second user when the first has used it for some time.
func (i *installation) testExternalStorage(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	folder := filepath.Join(i.folder, "external")
	i.run(t, "mkdir", folder)
	i.occ(t, "app:enable", "files_external")
	id := strings.TrimSpace(i.occ(t, "files_external:create", "--output=json", "external", "local", "null::null", "-c", "datadir="+folder))
	i.occ(t, "files_external:applicable", "--add-user", alice.id, id)
	eventually(t, "PHP knows the app", func() bool {
		return alice.send(t, "PROPFIND", "remote.php/dav/"+alice.path("external"), "", "Depth", "0").status == http.StatusMultiStatus
	})
	first, second := alice.connect(t), bob.connect(t)
	first.awaitFile(alice.upload(t, "external/before.txt"))
	i.occ(t, "files_external:applicable", "--add-user", bob.id, id)
	bob.look(t)
	second.requireFileSoon(alice.upload(t, "external/after.txt"))
	first.requireFileSoon(bob.upload(t, "external/answer.txt"))
}
