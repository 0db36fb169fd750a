package cli

import (
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents are the texts that people read, by path.
func documents(t *testing.T) map[string]string {
	texts := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/adr/*.md"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			texts[path] = string(text)
		}
	}
	require.Contains(t, texts, "../README.md")
	require.Contains(t, texts, "../CONTRIBUTING.md")
	return texts
}

var (
	codeBlock     = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")
	codeInText    = regexp.MustCompile("`([^`\n]+)`")
	commandOfOurs = regexp.MustCompile(`^(?:sudo (?:-u \S+ )?|docker compose exec \S+ )?(?:notify_push|go run \.) ([^#|>…]+)(?:[#|>].*)?$`)
)

// commandsOf are the arguments of every notify_push that a document tells its reader to run.
func commandsOf(t *testing.T, text string) (commands [][]string) {
	var lines []string
	for _, block := range codeBlock.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(block[1], "\n")...)
	}
	for _, code := range codeInText.FindAllStringSubmatch(text, -1) {
		lines = append(lines, code[1])
	}
	for _, line := range lines {
		if command := commandOfOurs.FindStringSubmatch(strings.TrimSpace(line)); command != nil {
			commands = append(commands, shellWords(t, command[1]))
		}
	}
	return commands
}

// shellWords splits a command as the reader's shell does.
func shellWords(t *testing.T, command string) []string {
	output, err := exec.CommandContext(t.Context(), "sh", "-fc", `printf '%s\n' `+command).Output()
	require.NoError(t, err, command)
	return strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
}

func TestCommandsInDocumentsCanBeRead(t *testing.T) {
	found := map[string]int{}
	for path, text := range documents(t) {
		for _, arguments := range commandsOf(t, text) {
			requireReadable(t, path, arguments)
			found[filepath.Base(path)]++
		}
	}
	require.Greater(t, found["README.md"], 2)
	require.Greater(t, found["operations.md"]+found["check.md"], 5)
	require.Greater(t, found["loadtest.md"], 6)
}

// requireReadable wants these to be arguments that notify_push takes.
func requireReadable(t *testing.T, where string, arguments []string) {
	t.Helper()
	var line commandLine
	parser, err := newParser(&line, &process{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}, func(int) {})
	require.NoError(t, err)
	_, err = parser.Parse(arguments)
	require.NoError(t, err, "%s: notify_push %q", where, arguments)
	require.False(t, isMistakenCommand(line.Serve.ConfigFile), "%s: notify_push %q", where, arguments)
}

func TestCommandsInDocumentsAreFound(t *testing.T) {
	document := "Call `notify_push check --json` or\n\n```sh\nsudo -u www-data notify_push check /x\ngo run . demo\nsudo systemctl enable --now notify_push\n" +
		"occ notify_push:setup\ncurl x\nnotify_push loadtest --compare 'a=b $C' # two\nnotify_push send reset > file\n```\n"
	require.Equal(t, [][]string{{"check", "/x"}, {"demo"}, {"loadtest", "--compare", "a=b $C"}, {"send", "reset"}, {"check", "--json"}}, commandsOf(t, document))
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notASlug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchorsOf are the names that GitHub gives to the headings of a document.
func anchorsOf(text string) (anchors []string) {
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		slug := notASlug.ReplaceAllString(strings.ToLower(found[1]), "")
		anchors = append(anchors, strings.ReplaceAll(slug, " ", "-"))
	}
	return anchors
}

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	texts := documents(t)
	followed := 0
	for path, text := range texts {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target, err := url.Parse(found[1])
			require.NoError(t, err, path)
			if target.IsAbs() {
				continue
			}
			followed++
			aim := path
			if target.Path != "" {
				aim = filepath.Join(filepath.Dir(path), target.Path)
			}
			_, err = os.Stat(aim)
			require.NoError(t, err, "%s: %s", path, found[1])
			if target.Fragment != "" {
				require.Contains(t, anchorsOf(texts[aim]), target.Fragment, "%s: %s", path, found[1])
			}
		}
	}
	require.Greater(t, followed, 30)
}

func TestAnchorsOfHeadings(t *testing.T) {
	require.Equal(t, []string{"does-it-work", "a--b-c", "größe-_x"}, anchorsOf("# Does it work?\ntext # no\n\n## A & `B`-c\n### Größe _x\n"))
}

var (
	markedBlock = regexp.MustCompile("(?m)^ *<!-- (run|not run): (.+) -->\n *```sh\n")
	shellBlock  = regexp.MustCompile("(?m)^ *```sh\n")
)

// operatorsPages are what people read who run the server.
var operatorsPages = []string{"../README.md", "../docs/install.md", "../docs/proxies.md", "../docs/moving.md", "../docs/check.md", "../docs/operations.md", "../docs/tuning.md", "../docs/troubleshooting.md",
	"../docs/fleet.md", "../docs/hosting.md", "../docs/instances.md"}

// TestEveryCommandIsRunOrSaysWhyNot wants a remark at each block of commands: which test runs it, or why none does.
func TestEveryCommandIsRunOrSaysWhyNot(t *testing.T) {
	texts := documents(t)
	run := 0
	for _, page := range operatorsPages {
		marks := markedBlock.FindAllStringSubmatch(texts[page], -1)
		require.Len(t, marks, len(shellBlock.FindAllString(texts[page], -1)), "%s: a block without a remark", page)
		for _, mark := range marks {
			if mark[1] == "run" {
				run++
				require.Equal(t, "TestDocumentedCommands", mark[2], page)
			}
		}
	}
	require.Greater(t, run, 5)
}

// TestPagesAreReadInFiveMinutes holds those for operators to what a reader takes in five minutes, at 280 words a minute.
func TestPagesAreReadInFiveMinutes(t *testing.T) {
	texts := documents(t)
	for _, page := range operatorsPages {
		require.NotEmpty(t, texts[page], page)
		require.LessOrEqual(t, len(strings.Fields(texts[page])), 1400, page)
	}
}

var (
	logCall       = regexp.MustCompile(`\.(?:Warn|Error)\("([a-z][^"]+)"`)
	throttledLine = regexp.MustCompile(`logthrottle\.New\([^"]*"([a-z][^"]+?):? ?"`)
	outageLine    = regexp.MustCompile(`(?:begins|ends): "([^"]+)"`)
	twoLines      = regexp.MustCompile(`\{"([^"]*%s[^"]*)", "([^"]*%s[^"]*)"\}`)
)

// TestEveryLogLineIsExplained looks for what is logged at warn and error in the sources, and for an explanation of each.
func TestEveryLogLineIsExplained(t *testing.T) {
	explained := documents(t)["../docs/troubleshooting.md"] + documents(t)["../docs/instances.md"] + documents(t)["../docs/fleet.md"] // which have those of several
	messages := map[string]string{}
	for _, folder := range []string{"../actors", "../actors/fleet", ".", "../config", "../storage", "../transport", "../transport/monitor", "../transport/nextcloud"} {
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		for _, source := range sources {
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			text, err := os.ReadFile(source)
			require.NoError(t, err)
			for _, pattern := range []*regexp.Regexp{logCall, throttledLine, outageLine, twoLines} {
				for _, found := range pattern.FindAllStringSubmatch(string(text), -1) {
					for _, message := range found[1:] {
						messages[message] = source
					}
				}
			}
		}
	}
	require.Contains(t, messages, "login refused")
	require.Contains(t, messages, "lost connection to %s")
	require.Contains(t, messages, "waiting for the configuration")
	for message, source := range messages {
		message = strings.ReplaceAll(message, "lost connection to %s", "lost connection to redis")
		message = strings.ReplaceAll(message, "reconnected to %s", "reconnected to redis")
		message = strings.ReplaceAll(message, "%s", "nextcloud")
		require.True(t, strings.Contains(explained, "`"+message), "%s logs %q", source, message)
	}
}

// TestTestsInDocumentsExist: what a document says of itself is held by the tests that it names.
func TestTestsInDocumentsExist(t *testing.T) {
	var sources strings.Builder
	require.NoError(t, filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources.Write(text)
		return err
	}))
	for page, text := range documents(t) {
		for _, named := range regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w+`).FindAllString(text, -1) {
			require.True(t, strings.Contains(sources.String(), "\nfunc "+named+"("), "%s names %s, which is not there", page, named)
		}
	}
}

// TestEveryReasonIsExplained wants the reasons of the metric of connections that ended.
func TestEveryReasonIsExplained(t *testing.T) {
	explained := documents(t)["../docs/troubleshooting.md"]
	reasons := regexp.MustCompile(`notify_push_connections_closed_total\{reason="(\w+)"`).FindAllStringSubmatch(exposition(t), -1)
	require.Greater(t, len(reasons), 10)
	for _, reason := range reasons {
		require.True(t, strings.Contains(explained, "`"+reason[1]+"`"), reason[1])
	}
}

// TestSizesAreThoseMeasured holds the table of sizes to the figures of docs/performance.md, of which it is a multiple.
func TestSizesAreThoseMeasured(t *testing.T) {
	texts := documents(t)
	measured := func(row string) float64 {
		found := regexp.MustCompile(`(?m)^\| ` + row + ` \| ([\d.]+) `).FindStringSubmatch(texts["../docs/performance.md"])
		require.NotNil(t, found, row)
		return number(t, found[1])
	}
	idle, after := measured("resident memory an idle connection"), measured("… memory afterwards a connection") // KiB
	cpu := measured("CPU while 15,000 connections idle, pings included")                                        // % of a core
	rows := regexp.MustCompile(`(?m)^\| ([\d,]+)(?: \(measured\))? \| (\d+) MiB \| (\d+) MiB \| ([\d.]+) % of a core \|`).FindAllStringSubmatch(texts["../docs/tuning.md"], -1)
	require.Len(t, rows, 4)
	for _, row := range rows {
		clients := number(t, strings.ReplaceAll(row[1], ",", ""))
		require.InEpsilon(t, clients*idle/1024, number(t, row[2]), .2, row[0])
		require.InEpsilon(t, clients*after/1024, number(t, row[3]), .2, row[0])
		require.InDelta(t, clients/15000*cpu, number(t, row[4]), max(.1, clients/15000*cpu*.2), row[0])
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return value
}
