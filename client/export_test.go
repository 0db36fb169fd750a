package client

// AttemptLimit is for the test of its effect.
const AttemptLimit = attemptLimit
