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
	until time.Duration // fresh until then
}

type rootUsers struct {
	root  string
	users [shards][]string
}

func newStorageUsers(mounts []Mount, until time.Duration) *storageUsers {
	s := &storageUsers{rows: len(mounts), until: until}
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
	return s
}

// with returns the same users and one more, or s where the mount is known already.
func (s *storageUsers) with(mount Mount) *storageUsers {
	shard := shardOf(mount.User)
	more := &storageUsers{roots: slices.Clone(s.roots), rows: s.rows + 1, until: s.until}
	i := slices.IndexFunc(more.roots, func(r rootUsers) bool { return r.root == mount.Root })
	if i < 0 {
		i = len(more.roots)
		more.roots = append(more.roots, rootUsers{root: mount.Root})
	}
	users := &more.roots[i].users[shard]
	if slices.Contains(*users, mount.User) {
		return s
	}
	*users = slices.Concat(*users, []string{mount.User})
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
		for i := range users {
			slices.Sort(users[i])
			users[i] = slices.Compact(users[i])
		}
	}
	return users
}

// covers reports whether path is root or lies below it.
func covers(root, path string) bool {
	rest, below := strings.CutPrefix(path, root)
	return below && (root == "" || rest == "" || rest[0] == '/')
}
