package node

import (
	"context"
	"fmt"
	"log"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// defaultPort is listened on by containers that declare no port.
const defaultPort = 8080

// simulated is a container that only its image's tag describes: it listens on
// its ports and answers with what it is.
type simulated struct {
	name, image string
	behaviour   behaviour
	started     metav1.Time
	readyAt     time.Time
	ports       []*portServer
	log         *ringLog
	// problem is why it can't be started, or empty.
	problem string
}

func (r *runner) startSimulated(pod *corev1.Pod, spec *corev1.Container) container {
	b := behaviourOf(spec.Image)
	c := &simulated{name: spec.Name, image: spec.Image, behaviour: b, started: r.started, log: newRingLog()}
	c.readyAt = r.started.Add(b.startsAfter)
	if probe := spec.ReadinessProbe; probe != nil {
		c.readyAt = c.readyAt.Add(time.Duration(probe.InitialDelaySeconds) * time.Second)
	}
	if b.crashes || b.cannotPull {
		return c
	}
	mesh, err := r.meshOf(pod)
	if err != nil {
		c.problem = err.Error()
		return c
	}
	app := r.newApp(pod, spec, c)
	for _, port := range portsOf(spec) {
		options := r.optionsOf(pod, port, mesh, app.self.Version)
		server, err := listen(net.JoinHostPort(r.ip, strconv.Itoa(int(port.ContainerPort))), app, options)
		if err != nil {
			// As in a cluster, a port that another container has does not end the pod.
			log.Printf("pod %s/%s: container %s: %v", r.namespace, r.name, spec.Name, err)
			continue
		}
		c.ports = append(c.ports, server)
	}
	c.log.printf("started %s on %s", spec.Image, r.ip)
	return c
}

// portsOf are the container's TCP ports.
func portsOf(spec *corev1.Container) []corev1.ContainerPort {
	if len(spec.Ports) == 0 {
		return []corev1.ContainerPort{{ContainerPort: defaultPort}}
	}
	var ports []corev1.ContainerPort
	for _, p := range spec.Ports {
		if p.Protocol == "" || p.Protocol == corev1.ProtocolTCP {
			ports = append(ports, p)
		}
	}
	return ports
}

func (c *simulated) status(now time.Time) (corev1.ContainerStatus, time.Time) {
	s := corev1.ContainerStatus{Name: c.name, Image: c.image, ImageID: c.image, ContainerID: "testbed://" + c.name, Started: new(true)}
	switch {
	case c.problem != "":
		s.Started = new(false)
		s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: c.problem}
		return s, time.Time{}
	case c.behaviour.cannotPull:
		return c.waitForImage(s, now)
	case c.behaviour.crashes:
		return c.crashLoop(s, now)
	}
	s.State.Running = &corev1.ContainerStateRunning{StartedAt: c.started}
	s.Ready = !now.Before(c.readyAt)
	if s.Ready {
		return s, time.Time{}
	}
	return s, c.readyAt
}

// waitForImage: first the pull fails, then it is backed off.
func (c *simulated) waitForImage(s corev1.ContainerStatus, now time.Time) (corev1.ContainerStatus, time.Time) {
	s.Started, s.ContainerID, s.ImageID = new(false), "", ""
	backOff := c.started.Add(time.Second)
	if now.Before(backOff) {
		s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: fmt.Sprintf("failed to pull image %q: not found", c.image)}
		return s, backOff
	}
	s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: fmt.Sprintf("Back-off pulling image %q", c.image)}
	return s, time.Time{}
}

const reasonCrash = "CrashLoopBackOff"

// crashLoop: the container ends as soon as it has started; its restarts come
// after 1, 2, 4 … up to 32 seconds.
func (c *simulated) crashLoop(s corev1.ContainerStatus, now time.Time) (corev1.ContainerStatus, time.Time) {
	at, pause := c.started.Time, time.Second
	for !now.Before(at.Add(pause)) {
		at = at.Add(pause)
		pause = min(2*pause, 32*time.Second)
		s.RestartCount++
	}
	ended := metav1.NewTime(at)
	s.Started = new(false)
	s.State.Waiting = &corev1.ContainerStateWaiting{
		Reason: reasonCrash, Message: fmt.Sprintf("back-off %s restarting failed container=%s", pause, c.name),
	}
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", StartedAt: ended, FinishedAt: ended}
	return s, at.Add(pause)
}

func (c *simulated) stop(ctx context.Context, drain time.Duration) {
	if len(c.ports) == 0 {
		return
	}
	timer := time.NewTimer(drain)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	for _, p := range c.ports {
		p.stop(ctx)
	}
}

func (c *simulated) logs() logSource { return c.log }
