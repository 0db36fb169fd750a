package actors

import (
	"slices"
	"strings"
	"time"
)

// storageUsers are the users who see a storage, by the root from which they see it and by the
// registry that they belong to, as pushes will need them. It is never changed once made.
type storageUsers struct {
	roots []rootUsers
	rows  int
	found time.Duration // when
	until time.Duration // fresh until then
}

type rootUsers struct {
	root  string
	users [shards][]string // each sorted, and each user once
}

func newStorageUsers(mounts []Mount) *storageUsers {
	s := &storageUsers{rows: len(mounts)}
	index := make(map[string]int, 1)
	for _, mount := range mounts {
		i, known := index[mount.Root]
		if !known {
			i = len(s.roots)
			index[mount.Root] = i
			s.roots = append(s.roots, rootUsers{root: mount.Root})
		}
		users := &s.roots[i].users[shardOf(mount.User)]
		*users = append(*users, mount.User)
	}
	for i := range s.roots {
		sortUsers(&s.roots[i].users)
	}
	return s
}

// sortUsers sorts, and leaves each user once: one may see the same root at two places.
func sortUsers(users *[shards][]string) {
	for i := range users {
		slices.Sort(users[i])
		users[i] = slices.Compact(users[i])
	}
}

// with returns the same users and one more, or s where the mount is known already.
func (s *storageUsers) with(mount Mount) *storageUsers {
	shard := shardOf(mount.User)
	more := &storageUsers{roots: slices.Clone(s.roots), rows: s.rows + 1, found: s.found, until: s.until}
	i := slices.IndexFunc(more.roots, func(r rootUsers) bool { return r.root == mount.Root })
	if i < 0 {
		i = len(more.roots)
		more.roots = append(more.roots, rootUsers{root: mount.Root})
	}
	users := &more.roots[i].users[shard]
	at, known := slices.BinarySearch(*users, mount.User)
	if known {
		return s
	}
	*users = slices.Insert(slices.Clone(*users), at, mount.User)
	return more
}

// covering returns who sees the path, each once, by registry.
func (s *storageUsers) covering(path string) (users [shards][]string) {
	found := 0
	for _, r := range s.roots {
		if !covers(r.root, path) {
			continue
		}
		if found++; found == 1 {
			users = r.users
			continue
		}
		for i := range users {
			users[i] = slices.Concat(users[i], r.users[i])
		}
	}
	if found > 1 {
		sortUsers(&users)
	}
	return users
}

// covers reports whether path is root or lies below it.
func covers(root, path string) bool {
	rest, below := strings.CutPrefix(path, root)
	return below && (root == "" || rest == "" || rest[0] == '/')
}
