package config

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNaturalOrder(t *testing.T) {
	names := []string{"zz.config.php", "10.config.php", "9.config.php", "a10.config.php", "a2.config.php", "01.config.php", "A.config.php"}
	slices.SortStableFunc(names, compareNaturally)
	require.Equal(t, []string{"01.config.php", "9.config.php", "10.config.php", "A.config.php", "a2.config.php", "a10.config.php", "zz.config.php"}, names)
}

// requirePHP skips without php, unless REQUIRE_SERVICES says that it has to be there.
func requirePHP(t *testing.T) string {
	path, err := exec.LookPath("php")
	if err != nil && os.Getenv("REQUIRE_SERVICES") == "" {
		t.Skip("php is not installed")
	}
	require.NoError(t, err)
	return path
}

// Names are compared in pairs by PHP's own strnatcmp.
func TestNaturalOrderIsPHPs(t *testing.T) {
	path := requirePHP(t)
	random := rand.New(rand.NewPCG(1, 2))
	pairs := make([][2]string, 20_000)
	for i := range pairs {
		for side := range 2 {
			var name strings.Builder
			for range random.IntN(8) {
				name.WriteByte("0011290ab.- _A"[random.IntN(14)])
			}
			pairs[i][side] = "/config/" + name.String() + ".config.php"
		}
	}
	input, err := json.Marshal(pairs)
	require.NoError(t, err)
	command := exec.Command(path, "-r", `foreach (json_decode(stream_get_contents(STDIN)) as $p) echo strnatcmp($p[0], $p[1]) <=> 0, "\n";`)
	command.Stdin = strings.NewReader(string(input))
	output, err := command.Output()
	require.NoError(t, err)
	answers := strings.Fields(string(output))
	require.Len(t, answers, len(pairs))
	orders := map[string]int{"-1": -1, "0": 0, "1": 1}
	for i, pair := range pairs {
		require.Equal(t, orders[answers[i]], compareNaturally(pair[0], pair[1]), "%q", pair)
	}
}
