package page_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/page"
)

func TestPageShows(t *testing.T) {
	t.Parallel()
	text := visible(parse(t, write(t, small(), lab.Strategy{Name: "lock", Line: "takes a lock"})))
	for _, want := range []string{
		"sale", "what it is about", "stock 1,000, products 3, buyers 20,000", "4 processes, 8 clients in each", "77", "800 ms",
		"postgres://u:xxxxx@h/d (PostgreSQL 17)", "redis://h:1", "etcd://h:2", "2 cores", "v1.2.3", "The moral.", "version (not on mysql)",
		"5 runs: 3 held and 2 broke.", "Against the theory: 1 run broke what should be safe", "In 1 run a break that theory expects did not show.",
		"takes a lock", "Why naive is so.", "Why lock is so.", "1,234", "−2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// Each outcome stands in its row and column, and what was not expected is said in words.
func TestLadder(t *testing.T) {
	t.Parallel()
	root := parse(t, write(t, small()))
	ladder := all(root, "table")[0]
	var got [][]string
	for _, tr := range all(ladder, "tr") {
		var cells []string
		for _, c := range slices.Concat(all(tr, "th"), all(tr, "td")) {
			cells = append(cells, visible(c))
		}
		got = append(got, cells)
	}
	want := [][]string{
		{"Strategy", "Locks", "none", "pause"},
		{"naive", "–", "none oversells", "pause safe expected: oversells"},
		{"lock", "redis", "none safe", "pause oversells expected safe"},
		{"etcd", "none safe", "not run"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ladder (-want +got):\n%s", diff)
	}
}

// Two servers of a kind have the same scheme in their results.
func TestLadderOfTwoServersOfAKind(t *testing.T) {
	t.Parallel()
	one := result("lock", "redis", lab.None, lab.Holds, lab.Holds)
	root := parse(t, write(t, &lab.Report{Runs: []lab.Result{one, one}}))
	if rows := len(all(all(root, "table")[0], "tr")); rows != 3 {
		t.Errorf("%d rows, want a head and one for each server", rows)
	}
}

func TestEmptyReport(t *testing.T) {
	t.Parallel()
	root := parse(t, write(t, &lab.Report{Scenario: "sale"}))
	if text := visible(root); !strings.Contains(text, "Nothing was run.") {
		t.Errorf("the page says %q", text)
	}
	if n := len(all(root, "table")); n != 0 {
		t.Errorf("%d tables about nothing", n)
	}
}

// What looks like markup is text wherever it stands.
func TestHostileText(t *testing.T) {
	t.Parallel()
	const evil = `</title></style><script>alert(1)</script><img src=x onerror=alert(1)> "' {{.}} javascript:`
	run := withTimeline(result(evil, evil, lab.Pause, lab.Holds, lab.Oversells))
	run.Why, run.Note, run.Faults, run.Outcome, run.ExpectedOutcome = evil, evil, evil, evil, evil
	run.Timeline.Marks[0].Kind = evil
	text := write(t, &lab.Report{
		Scenario: evil, Machine: evil, Version: evil, DB: evil, Backends: []string{evil}, Moral: evil, Left: []string{evil},
		Words: lab.Words{Done: evil, Who: evil}, Runs: []lab.Result{run},
	})
	root := parse(t, text)
	for _, name := range []string{"script", "img"} {
		if n := len(all(root, name)); n > 0 {
			t.Errorf("%d elements %s", n, name)
		}
	}
	if !strings.Contains(visible(root), "alert(1)") {
		t.Error("the text itself is missing")
	}
}

// TestSelfContained finds what would need a network or a script.
func TestSelfContained(t *testing.T) {
	t.Parallel()
	text := write(t, large())
	if !strings.HasPrefix(text, page.Start) {
		t.Error("the page does not begin with Start")
	}
	walk(parse(t, text), func(n *html.Node) {
		if slices.Contains([]string{"script", "link", "iframe", "img", "object", "form"}, n.Data) {
			t.Errorf("element %s", n.Data)
		}
		for _, a := range n.Attr {
			outside := (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "#")
			if outside || a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	})
	if found := regexp.MustCompile(`(?i)@import|url\([^#]|ZgotmplZ|NaN|%!`).FindString(text); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// TestAccessible checks the rules that a program can check.
func TestAccessible(t *testing.T) {
	t.Parallel()
	root := parse(t, write(t, large()))
	ids := make(map[string]int)
	level := 0
	walk(root, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		switch n.Data {
		case "h1", "h2", "h3", "h4":
			if now := int(n.Data[1] - '0'); now > level+1 {
				t.Errorf("%s after h%d: %s", n.Data, level, visible(n))
			}
			level = int(n.Data[1] - '0')
		case "th":
			if attr(n, "scope") == "" && attr(n, "aria-hidden") == "" {
				t.Errorf("th without a scope: %s", visible(n))
			}
		case "svg":
			described := attr(n, "role") == "img" && len(all(n, "title")) == 1 && len(all(n, "desc")) == 1
			if !described && !hidden(n) && attr(n, "class") != "cross" {
				t.Error("a chart without a description")
			}
		}
	})
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %s: %d times", id, n)
		}
	}
	walk(root, func(n *html.Node) {
		refs := strings.Fields(attr(n, "aria-labelledby"))
		if href := attr(n, "href"); href != "" {
			refs = append(refs, strings.TrimPrefix(href, "#"))
		}
		for _, ref := range refs {
			if ids[ref] == 0 {
				t.Errorf("%s leads to %q, which is not there", n.Data, ref)
			}
		}
	})
	if n := len(all(root, "h1")); n != 1 {
		t.Errorf("%d h1", n)
	}
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	p := page.Page{Scenario: &lab.Scenario{}, Report: small()}
	if err := p.Write(broken{full}); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func parse(t *testing.T, text string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// walk calls f for every element.
func walk(root *html.Node, f func(n *html.Node)) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			f(n)
		}
	}
}

func all(root *html.Node, name string) (found []*html.Node) {
	walk(root, func(n *html.Node) {
		if n.Data == name {
			found = append(found, n)
		}
	})
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// hidden reports whether n or what it is in is hidden from those who listen.
func hidden(n *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if attr(n, "aria-hidden") == "true" {
			return true
		}
	}
	return false
}

// visible returns the text in n, its words parted by one space.
func visible(n *html.Node) string {
	var words []string
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			words = append(words, strings.Fields(d.Data)...)
		}
	}
	return strings.Join(words, " ")
}
