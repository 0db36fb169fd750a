package config

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/config/php"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// other is a user whom the system does not know.
const other = 64998

// testReader starts the tests again as a program that reads.
var testReader = Reader{Arguments: []string{"read"}}

func requireRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can read with the rights of others")
	}
}

// ofRoot is a config.php of root's, in folders of root's, and a file that only root can read.
type ofRoot struct {
	t                            *testing.T
	root, folder, config, secret string
}

func newOfRoot(t *testing.T) ofRoot {
	requireRoot(t)
	root := storagetest.Dir(t)
	s := ofRoot{t: t, root: root, folder: filepath.Join(root, "config"), config: filepath.Join(root, "config", "config.php"), secret: filepath.Join(root, "secret")}
	require.NoError(t, os.Mkdir(s.folder, 0o755))
	s.write(s.secret, "of root", 0o600)
	s.write(s.config, s.source(""), 0o644)
	return s
}

func (s ofRoot) write(path, text string, mode os.FileMode) {
	require.NoError(s.t, os.WriteFile(path, []byte(text), mode))
	require.NoError(s.t, os.Chmod(path, mode))
}

func (s ofRoot) give(path string) { require.NoError(s.t, os.Lchown(path, other, other)) }

// source has the secret sent to Redis as a password.
func (s ofRoot) source(more string) string {
	return "<?php " + more + " $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite', 'redis' => ['host' => 'r', 'password' => file_get_contents('" + s.secret + "')]];"
}

func (s ofRoot) load(r Reader, given Given) *Result {
	return r.Load(s.t.Context(), s.config, given, os.LookupEnv)
}

// TestRootReadsWithTheRightsOfOthers takes each way by which others than root may change what is read. Root's secret is read where there is none.
func TestRootReadsWithTheRightsOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(s ofRoot)
		as      string
	}{
		"root's alone": {func(ofRoot) {}, ""},
		"others may read": {func(s ofRoot) {
			require.NoError(s.t, os.Chown(s.config, 0, other))
			require.NoError(s.t, os.Chmod(s.config, 0o640))
		}, ""},
		"config.php":     {func(s ofRoot) { s.give(s.config) }, "64998"},
		"the folder":     {func(s ofRoot) { s.give(s.folder) }, "64998"},
		"a folder above": {func(s ofRoot) { s.give(s.root) }, "64998"},
		"a file beside": {func(s ofRoot) {
			s.write(s.folder+"/a.config.php", "<?php $CONFIG = [];", 0o644)
			s.give(s.folder + "/a.config.php")
		}, "64998"},
		"a group's file": {func(s ofRoot) {
			require.NoError(s.t, os.Chown(s.config, 0, other))
			require.NoError(s.t, os.Chmod(s.config, 0o664))
		}, "65534:64998"},
		"a file with an access list": {func(s ofRoot) {
			require.NoError(s.t, os.Chown(s.config, 0, other))
			list := "\x02\x00\x00\x00" + // the version; then tag, rights and id: others than the owner and the group may write
				"\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\xe6\xfd\x00\x00" + "\x04\x00\x04\x00\xff\xff\xff\xff" +
				"\x10\x00\x06\x00\xff\xff\xff\xff" + "\x20\x00\x04\x00\xff\xff\xff\xff"
			if err := unix.Setxattr(s.config, "system.posix_acl_access", []byte(list), 0); err != nil {
				s.t.Skip(err)
			}
		}, "65534:65534"},
		"everybody's file": {func(s ofRoot) { require.NoError(s.t, os.Chmod(s.config, 0o666)) }, "65534:65534"},
		"a folder for all": {func(s ofRoot) { require.NoError(s.t, os.Chmod(s.folder, os.ModeSticky|0o777)) }, "65534:65534"},
		"an included file": {func(s ofRoot) {
			s.write(s.root+"/more.php", "<?php", 0o644)
			s.give(s.root + "/more.php")
			s.write(s.config, s.source("include __DIR__ . '/../more.php';"), 0o644)
		}, "64998"},
		"a link": {func(s ofRoot) {
			require.NoError(s.t, os.Rename(s.config, s.root+"/real.php"))
			require.NoError(s.t, os.Symlink("../real.php", s.config))
			s.give(s.config)
		}, "64998"},
		"a link of root's to it": {func(s ofRoot) {
			require.NoError(s.t, os.Rename(s.config, s.root+"/real.php"))
			require.NoError(s.t, os.Symlink(s.root+"/real.php", s.config))
			s.give(s.root + "/real.php")
		}, "64998"},
		"a linked folder": {func(s ofRoot) {
			require.NoError(s.t, os.Rename(s.folder, s.root+"/real"))
			require.NoError(s.t, os.Symlink("real", s.folder))
			s.give(s.root + "/real")
		}, "64998"},
		"links of root's": {func(s ofRoot) {
			require.NoError(s.t, os.Rename(s.config, s.root+"/real.php"))
			require.NoError(s.t, os.Symlink(".././real.php", s.config))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newOfRoot(t)
			test.prepare(s)
			result := s.load(testReader, Given{"no-php": {"true"}})
			require.Equal(t, test.as, result.ReadAs)
			if test.as == "" {
				require.NoError(t, result.Err())
				require.Equal(t, "of root", result.Settings.Redis.Password.Reveal())
				require.Empty(t, result.Warnings)
				return
			}
			require.Error(t, result.ErrOf("redis"))
			require.NoError(t, result.ErrOf("database"))
			require.NoError(t, result.ErrOf("nextcloud_url"))
			require.Contains(t, strings.Join(result.Warnings, "\n"), "this runs as root")
			report, err := json.Marshal(result.Report(true))
			require.NoError(t, err)
			require.NotContains(t, string(report), "of root")
		})
	}
}

// TestRootDoesNotRunPHP has PHP itself asked for a key, in which a command is run: as the user who may change the file.
func TestRootDoesNotRunPHP(t *testing.T) {
	if _, err := exec.LookPath("php"); err != nil && os.Getenv("REQUIRE_SERVICES") == "" {
		t.Skip("there is no php")
	}
	s := newOfRoot(t)
	s.write(s.config, "<?php $CONFIG = ['redis' => ['password' => trim(shell_exec('id -u')) . '/' . trim(shell_exec('id -G')), 'user' => (string) @file_get_contents('"+s.secret+"')]];", 0o644)
	require.Equal(t, "0/0", s.load(testReader, nil).Settings.Redis.Password.Reveal())
	s.give(s.config)
	result := s.load(testReader, nil)
	require.Equal(t, "64998/64998", result.Settings.Redis.Password.Reveal())
	require.NotEqual(t, "of root", result.Settings.Redis.User)
	require.Equal(t, "php", result.Sources["redis"])

	// A file beside that the evaluator does not come to, because it gave up before.
	require.NoError(t, os.Remove(s.config))
	s.write(s.config, "<?php include mail_host(); $CONFIG = [];", 0o644)
	beside := s.folder + "/z.config.php"
	s.write(beside, "<?php $CONFIG = ['redis' => ['password' => trim(shell_exec('id -u'))]];", 0o644)
	s.give(beside)
	require.Equal(t, "64998", s.load(testReader, nil).ReadAs)
}

// TestRootRefuses does not start another process where the program did not say how, or the system does not let it.
func TestRootRefuses(t *testing.T) {
	s := newOfRoot(t)
	s.give(s.config)
	result := s.load(Reader{}, nil)
	require.ErrorContains(t, result.Err(), "user 64998 may change "+s.config+", so root does not read it")
	require.ErrorContains(t, result.Err(), "run as 64998: sudo -u 64998 notify_push")
	require.True(t, result.IsWrong, "it does not pass")
	require.Equal(t, result.Err(), Load(t.Context(), s.config, nil, os.LookupEnv).Err())
	require.NoError(t, s.load(Reader{}, Given{"redis-url": {"redis://r"}, "database-url": {"sqlite:/x"}, "nextcloud-url": {"https://x"}}).Err())

	impossible := ownerAsKeeper(s.config, math.MaxUint32, 1)
	_, err := testReader.run(t.Context(), impossible, readJob{}, nil)
	require.ErrorContains(t, err, "reading it with the rights of 4294967295 failed")
	require.False(t, isNotYet(err))
}

// TestRootReadsTheSame has another process see what this one would: the environment, .env, the files beside, null, every type of value.
func TestRootReadsTheSame(t *testing.T) {
	s := newOfRoot(t)
	t.Chdir(s.root)
	t.Setenv("READER_TEST", "\xff of the process")
	s.write(".env", "READER_DOTENV=of the file\nNC_dbname=of Nextcloud\n", 0o600)
	s.write(s.config, `<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'mysql', 'dbhost' => null, 'dbpassword' => getenv('READER_TEST'), 'dbuser' => getenv('READER_DOTENV'),
		'secret' => "\0\xfe", 'trusted_domains' => [3 => 'a', 'b'], 'dbsharding' => ['x' => 1], 'mail' => mail_host(),
		'redis' => ['host' => 'r', 'port' => 7000, 'timeout' => 0.5, 'ssl_context' => ['verify_peer' => false]]];`, 0o644)
	s.write(s.folder+"/b.config.php", "<?php $CONFIG = ['dbtableprefix' => ''];", 0o644)
	s.write(s.folder+"/c.config.php", "<?php throw new Exception();", 0o644)
	want := s.load(testReader, Given{"no-php": {"1"}})
	require.Empty(t, want.ReadAs)
	s.give(s.config)
	got := s.load(testReader, Given{"no-php": {"1"}})
	require.Equal(t, "64998", got.ReadAs)
	require.Equal(t, want.Settings, got.Settings)
	require.Equal(t, want.Report(true).Settings, got.Report(true).Settings)
	require.Equal(t, want.Unknown, got.Unknown)
	require.Equal(t, want.Errors, got.Errors)
	require.Equal(t, want.IsWrong, got.IsWrong)
	require.Subset(t, got.Warnings, want.Warnings)
	require.Equal(t, "\xff of the process", got.Settings.Database.Password.Reveal())
	require.Equal(t, "of the file", got.Settings.Database.User)

	require.NoError(t, os.Remove(s.config))
	s.give(s.folder)
	require.ErrorContains(t, s.load(testReader, nil).Err(), "there is no file "+s.config)
	require.False(t, s.load(testReader, nil).IsWrong, "it may come")
}

// TestRightsOfTheReader looks at the process that reads: it has no more rights than its user, no terminal, and none of our files.
func TestRightsOfTheReader(t *testing.T) {
	requireRoot(t)
	t.Setenv("READER_TEST", "value")
	path := filepath.Join(storagetest.Dir(t), "inherited")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	inherited, err := unix.Open(path, unix.O_RDONLY, 0) // not closed on exec, as from a shell
	require.NoError(t, err)
	defer unix.Close(inherited)
	output, err := startAs(t.Context(), &keeper{uid: other, gid: other + 1, groups: []uint32{other + 1, other + 2}}, []string{"describe"}, nil, nil)
	require.NoError(t, err)
	for _, want := range []string{
		"Uid: 64998 64998 64998 64998", "Gid: 64999 64999 64999 64999", "Groups: 64999 65000\n", "NoNewPrivs: 1", "CapEff: 0000000000000000",
		"CapPrm: 0000000000000000", "CapAmb: 0000000000000000", "leads a session: true", "variable: value",
	} {
		require.Contains(t, string(output), want)
	}
	require.NotContains(t, string(output), "open:")
}

// TestGroupsOfTheOwner are those that the system knows, never root's because a file is in it.
func TestGroupsOfTheOwner(t *testing.T) {
	require.Equal(t, uint32(other), ownerAsKeeper("", other, other).gid)
	require.Equal(t, uint32(nogroup), ownerAsKeeper("", other, 0).gid)
	require.Empty(t, ownerAsKeeper("", other, 0).groups)
	known := ownerAsKeeper("", 1, 4711) // daemon, wherever there are users
	if known.user == "1" {
		t.Skip("the system knows no user 1")
	}
	require.NotEqual(t, uint32(4711), known.gid)
	require.Contains(t, known.groups, known.gid)
	require.Contains(t, known.help, "sudo -u "+known.user)
}

// TestReaderIsBounded ends a process that does not answer, and one that says too much.
func TestReaderIsBounded(t *testing.T) {
	requireRoot(t)
	owner := &keeper{uid: other, gid: other}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Reader{Arguments: []string{"hang"}}.run(ctx, owner, readJob{}, nil)
	require.Error(t, err)
	require.True(t, isNotYet(err))
	_, err = Reader{Arguments: []string{"flood"}}.run(t.Context(), owner, readJob{}, nil)
	require.Error(t, err)
	require.False(t, isNotYet(err))
}

// TestNoPasswordFileOfRoots keeps ~/.pgpass, and a file that dbhost names, from a server that another user names.
func TestNoPasswordFileOfRoots(t *testing.T) {
	s := newOfRoot(t)
	s.write(s.config, "<?php $CONFIG = ['dbtype' => 'pgsql', 'dbhost' => '/tmp;passfile="+s.secret+"', 'dbuser' => 'u'];", 0o644)
	require.Equal(t, s.secret, s.load(testReader, nil).Settings.Database.Options["passfile"])
	s.give(s.config)
	passfile := s.load(testReader, nil).Settings.Database.Options["passfile"]
	require.NotEmpty(t, passfile)
	_, err := os.Stat(passfile)
	require.Error(t, err)
}

// FuzzReply reads whatever a process of another user may answer.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"Files":["YQ=="],"Values":{"redis":{"Value":{"a":[{"k":"aG9zdA==","v":{"t":"cg=="}},{"n":1,"v":{}}]},"File":"f","Line":1}},"Unknown":[{"Key":"*"}],"Doubt":{"Text":"x","NotYet":true}}`))
	f.Add([]byte(`{"Answers":{"redis":{"o":[{"v":{"f":"0x1p+3"}}]},"x":{"f":"y"}},"NoPHP":false,"Fault":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var reply readReply
		if json.Unmarshal(data, &reply) != nil {
			return
		}
		n := &nextcloudConfig{configFiles: reply.files(), environment: environment{process: func(string) (string, bool) { return "", false }}}
		_, _, _ = nextcloudRedis(n)
		_, _ = nextcloudDatabase(n)
		_ = n.instance()
		for _, value := range reply.answers() {
			_ = php.Text(php.Bool(value))
		}
	})
}
