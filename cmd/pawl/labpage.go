package main

import (
	"os"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/page"
)

// writePage writes the report as a page.
func writePage(path string, report *lab.Report) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := page.Write(file, report); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
