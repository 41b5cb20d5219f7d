package pawl

// careHeap orders grants by due.
type careHeap []*grant

func (h careHeap) Len() int           { return len(h) }
func (h careHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h careHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push and Pop are heap.Interface's.
func (h *careHeap) Push(x any) {
	g := x.(*grant)
	g.index = len(*h)
	*h = append(*h, g)
}

func (h *careHeap) Pop() any {
	last := len(*h) - 1
	g := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	g.index = -1
	return g
}
