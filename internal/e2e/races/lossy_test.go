package races

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

// One request in so many is turned away with status 429, and of one in so many
// the answer is lost: whoever asked can't know whether it was done.
const (
	turnedAwayEach = 7
	lostEach       = 11
)

// bad is a connection that loses some of its writes.
type bad struct {
	http.RoundTripper
	writes *atomic.Int64
}

func loseSome(good http.RoundTripper) http.RoundTripper { return bad{good, new(atomic.Int64)} }

// RoundTrip implements http.RoundTripper.
func (b bad) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return b.RoundTripper.RoundTrip(req)
	}
	n := b.writes.Add(1)
	if n%turnedAwayEach == 0 {
		var err error
		if req.Body != nil {
			err = req.Body.Close()
		}
		return &http.Response{
			StatusCode: http.StatusTooManyRequests, Status: "429 Too Many Requests", Request: req,
			ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("try again")),
		}, err
	}
	res, err := b.RoundTripper.RoundTrip(req)
	if err != nil || n%lostEach != 0 {
		return res, err
	}
	return nil, errors.Join(os.ErrDeadlineExceeded, res.Body.Close())
}
