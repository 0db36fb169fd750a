package client

// AttemptLimit is for tests of its effect.
const AttemptLimit = attemptLimit
