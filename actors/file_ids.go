package actors

import "slices"

// maxFileIDs bounds the file ids of one push, because any number of files may change before it is sent. Of
// more files none is named, and clients then look everywhere.
const maxFileIDs = 64

// fileIDs are the changed files of a push that is still debounced, each once and in order. The zero value
// has none. It is not safe for concurrent use.
type fileIDs struct {
	ids     []uint64
	tooMany bool
}

func (f *fileIDs) add(ids ...uint64) {
	for _, id := range ids {
		switch {
		case f.tooMany || slices.Contains(f.ids, id):
		case len(f.ids) == maxFileIDs:
			f.ids, f.tooMany = nil, true
		default:
			f.ids = append(f.ids, id)
		}
	}
}

func (f *fileIDs) push() *push {
	if f.tooMany || len(f.ids) == 0 {
		return filePush
	}
	return fileIDsPush(f.ids...)
}
