package page_test

import (
	"bytes"
	"encoding/json"
	"html/template"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/testserver"
)

// framed is a page in a frame of testdata/measure.html.
type framed struct {
	Name, Text string
	Width      int
}

// paper is the width of what is printed on A4 upright: 210 mm less the margins.
const paper = 688

// printed is a page that looks on a screen as it does on paper.
func printed(page string) string {
	return strings.NewReplacer("@media print", "@media all", "@media screen", "@media not all").Replace(page)
}

// TestNothingOverflows looks in a browser at pages as wide as a phone, tablets, a desktop and
// paper.
func TestNothingOverflows(t *testing.T) {
	chromium := testserver.Need(t, "chromium", "chromium")
	var frames []framed
	for _, width := range []int{360, 740, 900, 1280} {
		frames = append(frames, framed{"small", write(t, small()), width}, framed{"large", write(t, large()), width},
			framed{"empty", write(t, &lab.Report{Scenario: "sale"}), width})
	}
	frames = append(frames, framed{"small on paper", printed(write(t, small())), paper}, framed{"large on paper", printed(write(t, large())), paper})
	var wrapper strings.Builder
	if err := template.Must(template.ParseFiles("testdata/measure.html")).Execute(&wrapper, frames); err != nil {
		t.Fatal(err)
	}
	dom := visible(parse(t, browse(t, chromium, wrapper.String(), "--dump-dom")))
	var seen []struct {
		Page                  string
		Width, Scroll         int
		Out, Overlaps, Broken []string
	}
	if err := json.Unmarshal([]byte(dom), &seen); err != nil || len(seen) != len(frames) {
		t.Fatalf("%d pages measured, %v: %.2000s", len(seen), err, dom)
	}
	for i, page := range seen {
		if frames[i].Width == paper {
			// The wide table has pages of its own, and what a chart has beside its end is in
			// the margin.
			page.Scroll = 0
			page.Out = slices.DeleteFunc(page.Out, func(out string) bool { return !strings.HasPrefix(out, "T") })
		}
		if want := frames[i].Width; page.Width != want || page.Scroll > want {
			t.Errorf("%s: the window is %d wide and the page %d, want %d", page.Page, page.Width, page.Scroll, want)
		}
		for _, out := range page.Out[:min(5, len(page.Out))] {
			t.Errorf("%s, %d wide: out of the window: %s", page.Page, page.Width, out)
		}
		for _, over := range page.Overlaps[:min(5, len(page.Overlaps))] {
			t.Errorf("%s, %d wide: on each other: %s", page.Page, page.Width, over)
		}
		if len(page.Broken) > 0 {
			t.Errorf("%s, %d wide: broken words: %q", page.Page, page.Width, page.Broken[:min(5, len(page.Broken))])
		}
	}
}

// The wide table is printed on its own pages, across.
func TestPrint(t *testing.T) {
	chromium := testserver.Need(t, "chromium", "chromium")
	file := filepath.Join(t.TempDir(), "page.pdf")
	browse(t, chromium, write(t, small()), "--print-to-pdf="+file)
	pdf, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var upright, across int
	for _, size := range regexp.MustCompile(`/MediaBox ?\[0 0 ([0-9]+)[0-9.]* ([0-9]+)`).FindAllSubmatch(pdf, -1) {
		if string(size[1]) < string(size[2]) {
			upright++
		} else {
			across++
		}
	}
	if upright < 1 || upright > 2 || across != 1 {
		t.Errorf("%d pages upright and %d across, want 1 or 2 and 1", upright, across)
	}
}

// browse opens text in the browser and returns what that prints.
func browse(t *testing.T, chromium, text string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "pawl-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // helpers of the browser may outlive it for a moment
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + profile}, args...)
	cmd := exec.CommandContext(t.Context(), chromium, append(args, "file://"+file)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	return string(out)
}
