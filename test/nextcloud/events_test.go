package nextcloud_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// events are what users and administrators do, and the pushes that come of it.
var events = tests{
	"Upload":         (*installation).testUpload,
	"ChunkedUpload":  (*installation).testChunkedUpload,
	"Rename":         (*installation).testRename,
	"Delete":         (*installation).testDelete,
	"Restore":        (*installation).testRestore,
	"Scan":           (*installation).testScan,
	"ShareWithUser":  (*installation).testShareWithUser,
	"ShareWithGroup": (*installation).testShareWithGroup,
	"Group":          (*installation).testGroup,
	"Comment":        (*installation).testComment,
	"Calendar":       (*installation).testCalendar,
	"Notification":   (*installation).testNotification,
}

func (i *installation) testUpload(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	withIDs, other := alice.connect(t), bob.connect(t)
	withoutIDs := i.dial(t)
	require.Equal(t, "authenticated", withoutIDs.logIn(alice.id, alice.password))

	file := alice.upload(t, "new file.txt")
	require.ElementsMatch(t, []uint64{file, alice.fileID(t, "")}, withIDs.awaitFile(file), "the file and what it lies in")
	require.Equal(t, "notify_file", withoutIDs.next())

	require.Equal(t, file, alice.upload(t, "new file.txt"))
	withIDs.awaitFile(file)
	i.publish(t, bob.id, "the first")
	require.Equal(t, "the first", other.next())
}

// testChunkedUpload uploads as clients do with large files: in pieces, elsewhere, which are joined at the end.
func (i *installation) testChunkedUpload(t *testing.T) {
	alice := i.newAccount(t)
	client := alice.connect(t)
	folder, destination := "uploads/"+alice.id+"/pieces", i.url+"/remote.php/dav/"+alice.path("large.bin")
	alice.dav(t, "MKCOL", folder, "", "Destination", destination)
	alice.dav(t, "PUT", folder+"/1", "one", "Destination", destination)
	alice.dav(t, "PUT", folder+"/2", "two", "Destination", destination)
	client.awaitFile(fileIDOf(t, alice.dav(t, "MOVE", folder+"/.file", "", "Destination", destination)))
}

func (i *installation) testRename(t *testing.T) {
	alice := i.newAccount(t)
	file := alice.upload(t, "before.txt")
	folder := alice.makeFolder(t, "folder")
	client := alice.connect(t)
	alice.rename(t, "before.txt", "after.txt")
	require.Contains(t, client.awaitFile(file), file)
	alice.rename(t, "after.txt", "folder/after.txt")
	client.awaitFile(folder)
}

// testDelete moves a file to the trash, of which nothing is said but that its folder changed.
func (i *installation) testDelete(t *testing.T) {
	alice := i.newAccount(t)
	folder := alice.makeFolder(t, "folder")
	file := alice.upload(t, "folder/file.txt")
	client := alice.connect(t)
	alice.remove(t, "folder/file.txt")
	require.NotContains(t, client.awaitFile(folder), file)
}

// testRestore brings a file back from the trash.
func (i *installation) testRestore(t *testing.T) {
	alice := i.newAccount(t)
	file := alice.upload(t, "file.txt")
	alice.remove(t, "file.txt")
	client := alice.connect(t)
	trash := alice.dav(t, "PROPFIND", "trashbin/"+alice.id+"/trash/", "", "Depth", "1").body
	name := regexp.MustCompile(`/trash/(file\.txt\.d[0-9]+)<`).FindStringSubmatch(trash)
	require.Len(t, name, 2, trash)
	alice.dav(t, "MOVE", "trashbin/"+alice.id+"/trash/"+name[1], "", "Destination", i.url+"/remote.php/dav/trashbin/"+alice.id+"/restore/file.txt")
	client.awaitFile(file)
}

// testScan has Nextcloud find a file that somebody put there behind its back.
func (i *installation) testScan(t *testing.T) {
	alice := i.newAccount(t)
	client := alice.connect(t)
	i.write(t, filepath.Join("data", alice.id, "files", "found.txt"), "found")
	i.occ(t, "files:scan", alice.id)
	client.awaitFile(alice.fileID(t, "found.txt"))
}

func (i *installation) testShareWithUser(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	alice.makeFolder(t, "shared")
	client := bob.connect(t)
	alice.share(t, "shared", withUser, bob.id)
	client.awaitTexts("notify_file", "notify_notification")
}

// testShareWithGroup shows that only the notification tells members of a share with their group.
func (i *installation) testShareWithGroup(t *testing.T) {
	alice, bob := i.newAccount(t), i.newAccount(t)
	group := i.newGroup(t, bob)
	alice.makeFolder(t, "shared")
	client := bob.connect(t)
	alice.share(t, "shared", withGroup, group)
	client.awaitText("notify_notification")
}

func (i *installation) testGroup(t *testing.T) {
	alice := i.newAccount(t)
	group := i.newGroup(t)
	client := alice.connect(t)
	i.occ(t, "group:adduser", group, alice.id)
	client.awaitText("notify_file")
	i.occ(t, "group:removeuser", group, alice.id)
	client.awaitText("notify_file")
}

// testComment has a comment on a shared file, which is activity for all who see it, and a notification for those it names.
func (i *installation) testComment(t *testing.T) {
	alice, bob, carol := i.newAccount(t), i.newAccount(t), i.newAccount(t)
	file := alice.upload(t, "shared.txt")
	for _, receiver := range []*account{bob, carol} {
		alice.share(t, "shared.txt", withUser, receiver.id)
		receiver.dav(t, "PROPFIND", receiver.path(""), "", "Depth", "1")
	}
	author, named, silent := alice.connect(t), bob.connect(t), carol.connect(t)
	alice.dav(t, "POST", fmt.Sprint("comments/files/", file),
		fmt.Sprintf(`{"actorType":"users","verb":"comment","message":"Look at this, @%s"}`, bob.id), "Content-Type", "application/json")
	author.awaitText("notify_activity")
	named.awaitTexts("notify_activity", "notify_notification")
	silent.awaitText("notify_activity")
}

func (i *installation) testCalendar(t *testing.T) {
	alice := i.newAccount(t)
	client := alice.connect(t)
	alice.dav(t, "PUT", "calendars/"+alice.id+"/personal/lunch.ics", `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
BEGIN:VEVENT
UID:lunch
SUMMARY:Lunch
DTSTAMP:20260101T000000Z
DTSTART:20260101T120000Z
DTEND:20260101T130000Z
END:VEVENT
END:VCALENDAR
`, "Content-Type", "text/calendar")
	client.awaitText("notify_activity")
}

// testNotification has a notification come and go: other clients of the user show it no longer then.
func (i *installation) testNotification(t *testing.T) {
	alice := i.newAccount(t)
	client := alice.connect(t)
	i.occ(t, "notification:generate", alice.id, "hello")
	require.Equal(t, "notify_notification", client.next())
	alice.ocs(t, "DELETE", "apps/notifications/api/v2/notifications", url.Values{})
	require.Equal(t, "notify_notification", client.next())
}
