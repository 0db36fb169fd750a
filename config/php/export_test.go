package php

// For the tests that are outside of the package.
var (
	Hostile          = hostile(mebibyte)
	Measure          = measure
	RequireAllocated = requireAllocated
	WriteConfig      = writeConfig
)

const DefaultMemory = defaultMemory
