package php

// For the tests that are outside of the package.
var (
	Hostile     = hostile(mebibyte)
	Measure     = measure
	WriteConfig = writeConfig
)

const DefaultMemory = defaultMemory
