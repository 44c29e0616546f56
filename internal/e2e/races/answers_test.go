package races

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// answer is what an intent came to.
type answer string

const (
	// admitted is written; whether it has the Service, the controller decides.
	admitted answer = "admitted"
	// held is refused, naming the release that holds the Service.
	held answer = "refused: the Service is held"
	// forged is refused for pretending to be a clone while nobody held the
	// Service, heldToo while somebody did, who is named.
	forged  answer = "refused: only the controller makes clones"
	heldToo answer = "refused: only the controller makes clones, and the Service is held"
	// again is no answer: it is to be asked again.
	again answer = "to be asked again"
	// unclear is none that a user could do anything with.
	unclear answer = "unclear"
)

// holder finds who holds the Service in a refusal.
var holder = regexp.MustCompile(`is held by release (\S+) of Deployment (\S+) in namespace`)

// answers are all that may be answered; the first that fits counts.
var answers = []struct {
	what string
	fits func(err error) bool
	is   answer
}{
	{"done", func(err error) bool { return err == nil }, admitted},
	{"too many requests", apierrors.IsTooManyRequests, again},
	{"no answer in time", func(err error) bool {
		return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err)
	}, again},
	{"another writer was first", apierrors.IsConflict, again},
	// A process that has just begun has no certificate yet: tls: internal error.
	{"a webhook that did not answer", func(err error) bool {
		return says(err, "failed calling webhook") && says(err,
			"deadline exceeded", "connection refused", "connection reset", "EOF", "no endpoints available", "Client.Timeout", "http2: ", "broken pipe", "server closed idle connection", "tls: internal error")
	}, again},
	{"a webhook that could not read what it needs in time", func(err error) bool {
		return says(err, "deciding on Deployment") && says(err, "context canceled", "deadline exceeded", "rate limiter Wait")
	}, again},
	{"a clone, and the Service is held", func(err error) bool {
		return says(err, "which only the controller makes") && holder.MatchString(err.Error())
	}, heldToo},
	{"a clone", func(err error) bool { return says(err, "which only the controller makes") }, forged},
	{"the Service is held", func(err error) bool { return holder.MatchString(err.Error()) }, held},
}

// classified gives what an answer is, and in words.
func classified(err error) (is answer, what string) {
	for _, a := range answers {
		if a.fits(err) {
			return a.is, a.what
		}
	}
	return unclear, "unclear"
}

// says is whether an error holds one of the parts.
func says(err error, parts ...string) bool {
	for _, part := range parts {
		if err != nil && strings.Contains(err.Error(), part) {
			return true
		}
	}
	return false
}

func TestAnswersAreClassified(t *testing.T) {
	deployment := schema.GroupResource{Group: "apps", Resource: "deployments"}
	denied := func(why string) error {
		return apierrors.NewForbidden(deployment, "a", errors.New(`admission webhook "validate.deployments.grayscale.dev" denied the request: `+why))
	}
	for want, errs := range map[answer][]error{
		admitted: {nil},
		held:     {denied(`grayscale.dev/release: "b": can't start: Service shop/reviews is held by release a of Deployment reviews-v1 in namespace shop`)},
		forged:   {denied(`has the labels of a grayscale version (grayscale.dev/task: "b"), which only the controller makes`)},
		heldToo:  {denied(`which only the controller makes, and Service shop/reviews is held by release a of Deployment reviews-v1 in namespace shop`)},
		again: {
			apierrors.NewTooManyRequests("later", 1), apierrors.NewConflict(deployment, "a", errors.New("changed")),
			apierrors.NewInternalError(errors.New(`failed calling webhook "mutate.deployments.grayscale.dev": connect: connection refused`)),
			apierrors.NewInternalError(errors.New(`failed calling webhook "mutate.deployments.grayscale.dev": http: server closed idle connection`)),
			errors.Join(os.ErrDeadlineExceeded, nil),
		},
		unclear: {
			denied("can't start"), apierrors.NewForbidden(deployment, "a", errors.New("no")), apierrors.NewAlreadyExists(deployment, "a"),
			apierrors.NewInternalError(errors.New(`failed calling webhook "mutate.deployments.grayscale.dev": x509: certificate signed by unknown authority`)),
		},
	} {
		for _, err := range errs {
			if got, _ := classified(err); got != want {
				t.Errorf("%v\nis taken for %q, want %q", err, got, want)
			}
		}
	}
}
