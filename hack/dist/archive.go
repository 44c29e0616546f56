package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// epoch is the time of every file in an archive, so that the same source
// makes the same archive. A zip file can hold none before 1980.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// archived gives the files as a zip or tar.gz archive, as the name says. The
// first of them is executable.
func archived(name string, paths ...string) ([]byte, error) {
	if strings.HasSuffix(name, ".zip") {
		return zipped(paths)
	}
	return tarred(paths)
}

func mode(n int) int64 {
	if n == 0 {
		return 0o755
	}
	return 0o644
}

func tarred(paths []string) ([]byte, error) {
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	archive := tar.NewWriter(packed)
	for n, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Name: filepath.Base(path), Mode: mode(n), Size: int64(len(content)), ModTime: epoch, Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func zipped(paths []string) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for n, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		header := &zip.FileHeader{Name: filepath.Base(path), Method: zip.Deflate, Modified: epoch}
		header.SetMode(os.FileMode(mode(n)))
		file, err := archive.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
