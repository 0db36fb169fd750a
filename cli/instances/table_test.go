package instances

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var claims = []Claim{
	{Instance: "alice", Derived: []string{"cloud.alice.example", "*.alice.example", "both.example", "[2001:db8::1]", "10.0.0.1:8443"}},
	{Instance: "bob", Given: []string{"push.bob.example", "*.bob.example"}, Derived: []string{"bob.example", "both.example", "*"}},
	{Instance: "mallory", Derived: []string{"push.bob.example", "x.bob.example", "cloud.mallory.example", "*.mallory.example", "*.shared.example", "taken.alice.example", "*ali*"}},
	{Instance: "broken", Derived: []string{"x.shared.example", "*.shared.example"}},
}

func TestFind(t *testing.T) {
	table := NewTable(claims)
	const nobody = ""
	for _, test := range []struct{ host, path, want string }{
		{"cloud.alice.example", "/ws", "alice"},
		{"cloud.alice.example", "/push/ws", "alice"},
		{"cloud.alice.example", "/nextcloud/push/ws", "alice"},
		{"Cloud.ALICE.example.:443", "/ws", "alice"},
		{"[2001:db8::1]", "/ws", "alice"},
		{"[2001:db8::1]:8080", "/ws", "alice"},
		{"10.0.0.1:8443", "/ws", "alice"},
		{"10.0.0.1", "/ws", nobody}, // the port is part of the name
		{"www.alice.example", "/ws", "alice"},
		{"push.bob.example", "/ws", "bob"}, // the operator says so
		{"x.bob.example", "/ws", "bob"},
		{"bob.example", "/ws", "bob"},
		{"cloud.mallory.example", "/ws", "mallory"},
		{"www.mallory.example", "/ws", "mallory"},
		{"taken.alice.example", "/ws", nobody}, // alice's domain, and mallory names it
		{"taken.alice.example", "/push/alice/ws", "alice"},
		{"x.shared.example", "/ws", nobody},
		{"y.shared.example", "/ws", nobody},
		{"elsewhere", "/ws", nobody}, // "*" takes nothing
		{"", "/ws", nobody},
		{":80", "/ws", nobody},
		{".", "/ws", nobody},

		{"both.example", "/ws", nobody},
		{"both.example", "/push/alice/ws", "alice"},
		{"both.example", "/bob/ws", "bob"},
		{"both.example", "/mallory/ws", nobody},

		{"push.example.net", "/push/alice/ws", "alice"},
		{"push.example.net", "/bob/test/cookie", "bob"},
		{"push.example.net", "//push//bob//version", "bob"},
		{"push.example.net", "/push/broken/ws", "broken"},
		{"notify_push", "/bob/fleet/hears", "bob"}, // as other servers of its fleet ask
		{"10.0.0.1:7867", "/bob/readyz", "bob"},    // and balancers
		{"", "/push/bob/ws", "bob"},                // HTTP/1.0
		{"push.example.net", "/push/BOB/ws", nobody},
		{"push.example.net", "/push/nobody/ws", nobody},
		{"push.example.net", "/x/push/bob/ws", nobody},

		{"cloud.alice.example", "/push/bob/ws", nobody},
		{"cloud.alice.example", "/bob/ws", nobody},
		{"cloud.alice.example", "/push/alice/ws", "alice"},
		{"cloud.alice.example", "/push/bob/push/ws", "alice"}, // a folder of that name
	} {
		found, err := table.Find(test.host, test.path)
		require.Equal(t, test.want, found, "%s%s", test.host, test.path)
		require.Equal(t, test.want == nobody, err != nil, "%s%s", test.host, test.path)
	}
	_, err := table.Find("elsewhere", "/ws")
	require.EqualError(t, err, "no instance here is called elsewhere, and the path names none; the reverse proxy must pass Host on as it is, or name the instance in the path, as in /push/NAME/ws")
	_, err = table.Find("both.example", "/ws")
	require.EqualError(t, err, "several instances are called both.example; name one in the path, as in /push/NAME/ws")
	_, err = table.Find("cloud.alice.example", "/bob/ws")
	require.EqualError(t, err, "the path is that of the instance bob, and the host cloud.alice.example is another's")
}

func TestConflicts(t *testing.T) {
	table := NewTable(claims)
	conflicts := table.Conflicts()
	require.Equal(t, []Conflict{
		{"*.shared.example", []string{"broken", "mallory"}},
		{"both.example", []string{"alice", "bob"}},
		{"taken.alice.example", []string{"alice", "mallory"}}, {"x.shared.example", []string{"broken", "mallory"}},
	}, conflicts)
	require.Contains(t, conflicts[1].String(), "both.example is claimed by the instances alice, bob")
	require.Equal(t, []string{"*.bob.example", "bob.example", "push.bob.example", "x.bob.example"}, table.Hosts("bob"))
	require.Empty(t, table.Hosts("broken"))
}

// What an instance is called whose configuration cannot be read is not known, so no wildcard of another's config.php takes its clients.
func TestWildcardsBesideAnUnknownInstance(t *testing.T) {
	table := NewTable(append(slices.Clone(claims), Claim{Instance: "unknown", Unknown: true}))
	for host, want := range map[string]string{"www.alice.example": "", "www.mallory.example": "", "cloud.alice.example": "alice", "x.bob.example": "bob"} {
		found, _ := table.Find(host, "/ws")
		require.Equal(t, want, found, host)
	}
}

// A config.php that names more than makes sense does not slow down what others are asked.
func TestClaimsAreBounded(t *testing.T) {
	derived := []string{strings.Repeat("a", maxHost+1), strings.Repeat("*.", maxStars+1) + "example"}
	for i := range maxWildcards + 1 {
		derived = append(derived, fmt.Sprintf("*.w%d.example", i))
	}
	for i := range maxDerived {
		derived = append(derived, fmt.Sprintf("n%d.example", i))
	}
	table := NewTable([]Claim{{Instance: "mallory", Derived: derived}})
	require.Len(t, table.levels[3].patterns, maxWildcards-1, "the one with too many stars counts, and is none")
	require.Len(t, table.levels[2].exact, maxDerived-maxWildcards-3)
	require.Empty(t, table.claimants(strings.Repeat("a", maxHost+1)))
	found, err := table.Find("n1.example", "/ws")
	require.NoError(t, err)
	require.Equal(t, "mallory", found)
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"alice", "cloud.alice.example", "A-1_b", strings.Repeat("x", 63)} {
		require.NoError(t, CheckName(name), name)
	}
	for _, name := range []string{"", "push", "WS", "test", "version", "readyz", "fleet", "a b", "a/b", "-a", ".a", "ä", strings.Repeat("x", 64)} {
		require.Error(t, CheckName(name), name)
	}
}

// Whatever a request calls the server, it gets to an instance by a name that is that one's, or by its path where the name is nobody's.
func FuzzFind(f *testing.F) {
	f.Add("cloud.alice.example", "/push/bob/ws")
	f.Add("both.example:1", "/bob/ws")
	f.Add("\xff*.alice.example.", "//")
	table := NewTable(claims)
	f.Fuzz(func(t *testing.T, host, path string) {
		found, err := table.Find(host, path)
		if err != nil {
			require.Empty(t, found)
			return
		}
		claimants := table.claimants(host)
		if len(claimants) > 0 {
			require.Contains(t, claimants, found)
		}
		if len(claimants) != 1 {
			require.Contains(t, path, found, "the path names it")
		}
	})
}
