package nextcloud_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// account is a user of an installation, who changes files and more as clients do.
type account struct {
	i        *installation
	id       string
	password string
}

// reply is what Nextcloud answers.
type reply struct {
	status int
	header http.Header
	body   string
}

func (i *installation) admin() *account { return &account{i, "admin", adminPassword} }

// newAccount makes a user that no other test knows, with a home that is known to the database.
func (i *installation) newAccount(t *testing.T) *account {
	t.Helper()
	return i.newAccountNamed(t, fmt.Sprint("user", i.accounts.Add(1)))
}

func (i *installation) newAccountNamed(t *testing.T, id string) *account {
	t.Helper()
	i.making.Lock()
	defer i.making.Unlock()
	a := &account{i, id, rand.Text()}
	i.admin().ocs(t, "POST", "cloud/users", url.Values{"userid": {a.id}, "password": {a.password}})
	a.dav(t, "PROPFIND", a.path(""), "", "Depth", "0")
	return a
}

// newGroup makes a group that no other test knows, and puts users into it.
func (i *installation) newGroup(t *testing.T, members ...*account) (id string) {
	t.Helper()
	id = fmt.Sprint("group", i.accounts.Add(1))
	i.admin().ocs(t, "POST", "cloud/groups", url.Values{"groupid": {id}})
	for _, member := range members {
		i.admin().ocs(t, "POST", "cloud/users/"+url.PathEscape(member.id)+"/groups", url.Values{"groupid": {id}})
	}
	return id
}

// send sends a request to Nextcloud, with the account's name and password.
func (a *account) send(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	request, err := http.NewRequest(method, a.i.url+"/"+path, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	request.SetBasicAuth(a.id, a.password)
	for k := 0; k < len(header); k += 2 {
		request.Header.Set(header[k], header[k+1])
	}
	response, err := a.i.http.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, string(content)}
}

// dav sends a WebDAV request that succeeds, for a path below remote.php/dav/.
func (a *account) dav(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	got := a.send(t, method, "remote.php/dav/"+path, body, header...)
	require.Less(t, got.status, 300, "%s %s: %s", method, path, got.body)
	return got
}

// ocs sends a request that succeeds to Nextcloud's API, and returns the data that it answers.
func (a *account) ocs(t *testing.T, method, path string, form url.Values) json.RawMessage {
	t.Helper()
	got := a.send(t, method, "ocs/v2.php/"+path, form.Encode(), "OCS-APIRequest", "true", "Accept", "application/json",
		"Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusOK, got.status, "%s %s: %s", method, path, got.body)
	var answer struct {
		OCS struct{ Data json.RawMessage }
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &answer), got.body)
	return answer.OCS.Data
}

// path is the WebDAV path of a file of the account.
func (a *account) path(name string) string {
	return "files/" + url.PathEscape(a.id) + "/" + (&url.URL{Path: name}).EscapedPath()
}

// upload writes a file and returns its id.
func (a *account) upload(t *testing.T, name string) (fileID uint64) {
	t.Helper()
	return fileIDOf(t, a.dav(t, "PUT", a.path(name), rand.Text()))
}

// makeFolder makes a folder and returns its id.
func (a *account) makeFolder(t *testing.T, name string) (fileID uint64) {
	t.Helper()
	return fileIDOf(t, a.dav(t, "MKCOL", a.path(name), ""))
}

// fileIDOf reads the header with the id of the file, "00000042" and the instance's id behind it.
func fileIDOf(t *testing.T, got reply) uint64 {
	t.Helper()
	id, err := strconv.ParseUint(got.header.Get("OC-FileId")[:8], 10, 64)
	require.NoError(t, err)
	return id
}

func (a *account) rename(t *testing.T, from, to string) {
	t.Helper()
	a.dav(t, "MOVE", a.path(from), "", "Destination", a.i.url+"/remote.php/dav/"+a.path(to))
}

func (a *account) remove(t *testing.T, name string) {
	t.Helper()
	a.dav(t, "DELETE", a.path(name), "")
}

// The kinds of receivers of a share, in the words of Nextcloud's API.
const (
	withUser  = "0"
	withGroup = "1"
)

// share shares a file or folder and returns the share's id.
func (a *account) share(t *testing.T, name, kind, receiver string) (share string) {
	t.Helper()
	data := a.ocs(t, "POST", "apps/files_sharing/api/v1/shares",
		url.Values{"path": {name}, "shareType": {kind}, "shareWith": {receiver}, "permissions": {"31"}})
	var made struct{ ID json.Number }
	require.NoError(t, json.Unmarshal(data, &made), "%s", data)
	return made.ID.String()
}

func (a *account) unshare(t *testing.T, share string) {
	t.Helper()
	a.ocs(t, "DELETE", "apps/files_sharing/api/v1/shares/"+share, nil)
}

// fileID asks for the id of a file; "" is the folder that the account sees as its root.
func (a *account) fileID(t *testing.T, name string) uint64 {
	t.Helper()
	got := a.dav(t, "PROPFIND", a.path(name), `<propfind xmlns="DAV:"><prop><fileid xmlns="http://owncloud.org/ns"/></prop></propfind>`, "Depth", "0")
	var answer struct {
		FileID uint64 `xml:"response>propstat>prop>fileid"`
	}
	require.NoError(t, xml.Unmarshal([]byte(got.body), &answer), got.body)
	return answer.FileID
}
