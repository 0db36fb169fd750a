package actors

import (
	"slices"
	"strings"
)

// storageUsers are the users who see a storage, by the root from which they see it and by the
// registry that they belong to, as pushes need them. It is never changed once made.
type storageUsers struct {
	roots []rootUsers // sorted by root
	rows  int         // of a root and a user, each counted once
}

type rootUsers struct {
	root  string
	users [shards][]string // each sorted, and each user once
}

// nobody sees the storages of users who are gone, and many others.
var nobody = &storageUsers{}

// usersByStorage groups rows. It is work for the goroutine of a query, where there are many.
func usersByStorage(mounts []Mount) map[uint64]*storageUsers {
	rows := map[uint64][]Mount{}
	for _, mount := range mounts {
		rows[mount.Storage] = append(rows[mount.Storage], mount)
	}
	users := make(map[uint64]*storageUsers, len(rows))
	for storage, mounts := range rows {
		users[storage] = newStorageUsers(mounts)
	}
	return users
}

func newStorageUsers(mounts []Mount) *storageUsers {
	s := &storageUsers{}
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
	slices.SortFunc(s.roots, func(a, b rootUsers) int { return strings.Compare(a.root, b.root) })
	for i := range s.roots {
		sortUsers(&s.roots[i].users)
		s.rows += countUsers(&s.roots[i].users)
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

func countUsers(users *[shards][]string) (n int) {
	for i := range users {
		n += len(users[i])
	}
	return n
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

// newSince returns the roots of s with the users who did not see them before, and whether anything differs.
func (s *storageUsers) newSince(before *storageUsers) (appeared []rootUsers, changed bool) {
	i := 0
	for _, r := range s.roots {
		for i < len(before.roots) && before.roots[i].root < r.root {
			i++
		}
		if i < len(before.roots) && before.roots[i].root == r.root && r.equal(&before.roots[i]) {
			continue
		}
		changed = true
		seen := before.covering(r.root)
		for shard := range r.users {
			r.users[shard] = missingIn(seen[shard], r.users[shard])
		}
		if countUsers(&r.users) > 0 {
			appeared = append(appeared, r)
		}
	}
	return appeared, changed || s.rows != before.rows
}

func (r *rootUsers) equal(other *rootUsers) bool {
	for i := range r.users {
		if !slices.Equal(r.users[i], other.users[i]) {
			return false
		}
	}
	return true
}

// missingIn returns what is not in a sorted list.
func missingIn(list, names []string) (missing []string) {
	for _, name := range names {
		if _, found := slices.BinarySearch(list, name); !found {
			missing = append(missing, name)
		}
	}
	return missing
}

// covers reports whether path is root or lies below it.
func covers(root, path string) bool {
	rest, below := strings.CutPrefix(path, root)
	return below && (root == "" || rest == "" || rest[0] == '/')
}
