package node

import (
	"strconv"
	"strings"
	"time"
)

// ControllerImage is the repository name of the image that stands for the
// product's controller: its pods run the built program of that name.
const ControllerImage = "grayscale-controller"

// behaviour is what an image's tag asks for. The parts of a tag are separated
// by hyphens: v2-slow20-error starts after 20 s and then answers 500.
type behaviour struct {
	// startsAfter is how long the container needs to become ready.
	startsAfter time.Duration
	// crashes and cannotPull containers never become ready.
	crashes, cannotPull bool
	// fails answers 500 to everything.
	fails bool
}

// defaultSlow is what -slow without a number of seconds means.
const defaultSlow = 5 * time.Second

func behaviourOf(image string) behaviour {
	var b behaviour
	_, tag := splitImage(image)
	for part := range strings.SplitSeq(tag, "-") {
		switch seconds, isSlow := strings.CutPrefix(part, "slow"); {
		case part == "crash":
			b.crashes = true
		case part == "nopull":
			b.cannotPull = true
		case part == "error":
			b.fails = true
		case isSlow && seconds == "":
			b.startsAfter = defaultSlow
		case isSlow:
			if n, err := strconv.Atoi(seconds); err == nil && n >= 0 {
				b.startsAfter = time.Duration(n) * time.Second
			}
		}
	}
	return b
}

// splitImage splits a reference into the last part of its repository and its
// tag, without a digest: example.org:5000/team/app:v1@sha256:… is app and v1.
func splitImage(image string) (name, tag string) {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndex(image, "/")+1:]
	name, tag, _ = strings.Cut(image, ":")
	return name, tag
}
