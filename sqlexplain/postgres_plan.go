package sqlexplain

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// planNode is a node of EXPLAIN (FORMAT JSON).
type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Op       string     `json:"Operation"`
	Index    string     `json:"Index Name"`
	Rows     float64    `json:"Plan Rows"`
	Cond     string     `json:"Index Cond"`
	Filter   string     `json:"Filter"`
	Plans    []planNode `json:"Plans"`
}

// plan has a step for each scan, and one for an INSERT.
func (postgresEngine) plan(ctx context.Context, work querier, s statement) ([]Step, error) {
	var text string
	if err := work.QueryRowContext(ctx, "EXPLAIN (FORMAT JSON) "+s.text).Scan(&text); err != nil {
		return nil, err
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	steps := []Step{}
	for _, p := range plans {
		steps = append(steps, p.Plan.steps()...)
	}
	return steps, nil
}

func (n planNode) steps() []Step {
	var steps []Step
	step := Step{Table: n.Relation, Index: n.Index, Rows: int64(n.Rows), Detail: strings.TrimSpace(n.Cond + " " + n.Filter)}
	switch {
	case n.Type == "Seq Scan":
		step.Access = "full scan"
		steps = append(steps, step)
	case n.Type == "ModifyTable" && n.Op == "Insert":
		step.Access, step.Rows = "insert", 0
		steps = append(steps, step)
	case n.Type == "Bitmap Heap Scan":
		return append(steps, n.bitmap(step)...)
	case strings.HasSuffix(n.Type, "Scan") && n.Relation != "":
		step.Access = "index"
		if n.Index == "" {
			step.Access = strings.ToLower(n.Type)
		}
		steps = append(steps, step)
	}
	for _, child := range n.Plans {
		steps = append(steps, child.steps()...)
	}
	return steps
}

// bitmap returns a step for each index below a bitmap scan of a table.
func (n planNode) bitmap(step Step) []Step {
	var steps []Step
	step.Access = "index"
	for _, child := range n.Plans {
		if child.Type == "Bitmap Index Scan" {
			step.Index, step.Detail = child.Index, child.Cond
			steps = append(steps, step)
			continue
		}
		steps = append(steps, child.bitmap(step)...)
	}
	return steps
}
