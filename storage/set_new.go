package storage

import (
	"context"
	"time"
)

// SetNew sets key to value for ttl, unless there is such a key, and returns whether it did.
func (r *Redis) SetNew(ctx context.Context, key, value string, ttl time.Duration) (bool, error) {
	reply, err := r.do(ctx, key, "SET", key, value, "NX", "PX", ttl.Milliseconds())
	return err == nil && reply != nil, err
}
