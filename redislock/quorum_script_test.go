package redislock

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/internal/testserver"
)

// What a node answers to requests that arrive late or in another order than they were
// sent in. Each case is a sequence on one name.
func TestQuorumScript(t *testing.T) {
	t.Parallel()
	const second = 1000000
	take := func(id string, attempt int) []any {
		return []any{"acquire", id, attempt, second * 60, "0:", "0"}
	}
	confirm := func(id string, token int) []any { return []any{"confirm", id, token} }
	release := func(id string, attempt any) []any { return []any{"release", id, attempt, second * 60} }
	type step struct {
		do   []any
		want string
	}
	for name, steps := range map[string][]step{
		"UndoOfAnEarlierAttempt": {
			{take("a", 1), "granted"}, {take("a", 2), "granted"}, {release("a", 1), "released"},
			{take("b", 3), "held"}, {release("a", 2), "released"}, {take("b", 3), "granted"},
		},
		"AttemptAfterItsUndo": {
			{release("a", 1), "released"}, {take("a", 1), "marked"}, {take("a", 2), "granted"},
		},
		"AcquireAfterRelease": {
			{release("a", ""), "released"}, {take("a", 1), "marked"}, {take("a", 2), "marked"}, {take("b", 3), "granted"},
		},
		"UndoOfAskingAgain": {
			{take("a", 1), "granted"}, {confirm("a", 7), "written"}, {take("a", 2), "granted"}, {release("a", 2), "released"},
			{[]any{"renew", "a", second}, "renewed"},
		},
		"ConfirmOfAStranger": {
			{take("a", 1), "granted"}, {confirm("b", 7), "refused"}, {confirm("a", 7), "written"},
		},
		"ConfirmAgain": {
			{take("a", 1), "granted"}, {confirm("a", 7), "written"}, {confirm("a", 7), "written"}, {confirm("a", 6), "refused"},
			{release("a", ""), "released"}, {take("b", 2), "granted"}, {confirm("b", 7), "refused"}, {confirm("b", 8), "written"},
		},
		"RenewNeverCreates": {
			{[]any{"renew", "a", second}, "gone"}, {take("b", 1), "granted"}, {[]any{"renew", "a", second}, "gone"},
		},
		"Broken": {
			{take("a", 1), "granted"}, {[]any{"break_", "a", second}, "broken"}, {[]any{"renew", "a", second}, "broken"},
			{take("a", 2), "marked"}, {release("a", ""), "released"}, {take("b", 3), "granted"}, {[]any{"renew", "b", second}, "renewed"},
		},
		"BrokenElsewhere": {
			{[]any{"break_", "a", second}, "broken"}, {take("a", 1), "marked"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb := redis.NewClient(&redis.Options{Addr: testserver.Redis(t).Addr})
			t.Cleanup(func() { _ = rdb.Close() })
			c := &quorum{prefix: DefaultPrefix}
			var want, got []string
			for _, s := range steps {
				answers, err := quorumScript.Run(t.Context(), rdb, c.keys("x"), append([]any{0}, s.do...)...).Slice()
				if err != nil {
					t.Fatal(err)
				}
				want, got = append(want, s.want), append(got, fmt.Sprint(answers[0].([]any)[0]))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}
