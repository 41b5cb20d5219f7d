package transfer

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
)

// longestRest is how long a transfer stays away at most after a try for nothing. With less
// than some times what a transfer takes, those who have met would meet again.
const longestRest = 100 * time.Millisecond

// persist tries again after errors that again accepts, each time after a rest, for half of
// the time that ctx has: better to give up than to be found stuck.
func persist(ctx context.Context, env *lab.Env, again func(error) bool, try func() (lab.Answer, error)) (lab.Answer, error) {
	end, _ := ctx.Deadline()
	end = end.Add(-time.Until(end) / 2)
	told, err := env.Retry(ctx, lab.Tries, func(err error) bool {
		if !again(err) || time.Now().After(end) {
			return false
		}
		time.Sleep(rand.N(longestRest))
		return true
	}, try)
	if again(err) {
		return lab.GaveUp, nil
	}
	return told, err
}
