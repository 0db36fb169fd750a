package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Level is how much is logged; a higher one includes the lower ones.
type Level uint8

// The levels, from nothing to everything.
const (
	LevelOff Level = iota
	LevelError
	LevelWarn
	LevelInfo
	LevelDebug
	LevelTrace
)

var levelNames = []string{"off", "error", "warn", "info", "debug", "trace"}

func (l Level) String() string { return levelNames[min(int(l), len(levelNames)-1)] }

// LogLevel says how much is logged, in general and for single targets. The zero value logs nothing.
type LogLevel struct {
	Default Level
	Targets map[string]Level // by target, such as notify_push or notify_push::redis; nil when there are none
}

// ParseLogLevel reads what LOG, --log-level and the channel notify_config carry: levels and target=level pairs between commas, such as
// "info" or "warn,notify_push=debug". Of targets, ours may stand alone, which means everything of it; any other word is taken for a level that
// is spelled wrong, because it would silence the whole log. Without a level of its own, the rest is off, as with the daemon of the notify_push
// app; an empty text is off.
func ParseLogLevel(text string) (LogLevel, error) {
	var parsed LogLevel
	for part := range strings.SplitSeq(text, ",") {
		target, name, paired := strings.Cut(part, "=")
		target, name = strings.TrimSpace(target), strings.TrimSpace(name)
		switch level, known := levelNamed(target); {
		case target == "" && !paired:
			continue
		case known && !paired:
			parsed.Default = level
			continue
		case !paired && (target == LogTarget || strings.HasPrefix(target, LogTarget+"::")):
			name = "trace"
		case !paired:
			name, target = target, LogTarget
		}
		level, known := levelNamed(name)
		if !known || !targetName.MatchString(target) {
			return LogLevel{}, fmt.Errorf("%q is not a log level%s; write error, warn, info, debug, trace or off, or target=level", strings.TrimSpace(part), suggestLevel(name))
		}
		if parsed.Targets == nil {
			parsed.Targets = map[string]Level{}
		}
		parsed.Targets[target] = level
	}
	return parsed, nil
}

// UnmarshalText is ParseLogLevel.
func (l *LogLevel) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLogLevel(string(text))
	return err
}

// LogTarget is what our own log lines are called.
const LogTarget = "notify_push"

// otherNames are what other programs call the levels; the numbers are Nextcloud's.
var otherNames = map[string]Level{
	"warning": LevelWarn, "2": LevelWarn, "err": LevelError, "fatal": LevelError, "critical": LevelError, "crit": LevelError, "3": LevelError, "4": LevelError,
	"information": LevelInfo, "notice": LevelInfo, "1": LevelInfo, "verbose": LevelDebug, "0": LevelDebug, "all": LevelTrace, "none": LevelOff, "quiet": LevelOff,
}

// suggestLevel says which level a word probably means.
func suggestLevel(name string) string {
	if level, known := otherNames[strings.ToLower(name)]; known {
		return fmt.Sprintf(" (did you mean %s?)", level)
	}
	return ""
}

func levelNamed(name string) (Level, bool) {
	i := slices.Index(levelNames, strings.ToLower(name))
	return Level(max(i, 0)), i >= 0 //nolint:gosec // G115: an index of the few levels
}

// targetName is what a target can be called.
var targetName = regexp.MustCompile(`^[\w:./-]+$`)

// For is the level of a target: that of the longest named target which is it or encloses it, as notify_push encloses notify_push::redis.
func (l LogLevel) For(target string) Level {
	for {
		if level, ok := l.Targets[target]; ok {
			return level
		}
		cut := strings.LastIndex(target, "::")
		if cut < 0 {
			return l.Default
		}
		target = target[:cut]
	}
}

// String is the text that ParseLogLevel reads as the same levels.
func (l LogLevel) String() string {
	if len(l.Targets) == 0 {
		return l.Default.String()
	}
	var parts []string
	if l.Default != LevelOff {
		parts = append(parts, l.Default.String())
	}
	for _, target := range slices.Sorted(maps.Keys(l.Targets)) {
		parts = append(parts, target+"="+l.Targets[target].String())
	}
	return strings.Join(parts, ",")
}
