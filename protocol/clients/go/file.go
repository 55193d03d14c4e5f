package kfpcredential

import (
	"fmt"
	"io"
	"os"
)

// largestFile is more than any exec configuration or authority is long.
const largestFile = 1 << 20

// readFile reads what a user named, which may be a device without an end.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err == nil && len(text) > largestFile {
		err = fmt.Errorf("%s is larger than 1 MiB", name)
	}
	return text, err
}
