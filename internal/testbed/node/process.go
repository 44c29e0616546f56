package node

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/rootfs"
)

const (
	// restartPause is the first pause before a restart; each is twice the one
	// before, up to a second, where a kubelet takes minutes.
	restartPause    = 100 * time.Millisecond
	maxRestartPause = time.Second
)

// processContainer is a container that is a real process: the product's
// controller, under the rights of its pod's ServiceAccount.
type processContainer struct {
	r    *runner
	pod  *corev1.Pod
	spec *corev1.Container
	log  string
	// end asks the process to end; ended is closed when it has.
	end   context.CancelFunc
	kill  context.CancelFunc
	ended chan struct{}

	mu    sync.Mutex
	state corev1.ContainerStatus
}

func (r *runner) startProcess(pod *corev1.Pod, spec *corev1.Container) container {
	ending, end := context.WithCancel(context.Background())
	killing, kill := context.WithCancel(context.Background())
	c := &processContainer{
		r: r, pod: pod, spec: spec, log: filepath.Join(r.node.Logs, pod.Name+".log"),
		end: end, kill: kill, ended: make(chan struct{}),
	}
	c.state = corev1.ContainerStatus{Name: spec.Name, Image: spec.Image, ImageID: spec.Image, Started: new(false)}
	c.state.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	go func() {
		defer close(c.ended)
		c.live(ending, killing)
	}()
	return c
}

// live runs the process again and again until ending.
func (c *processContainer) live(ending, killing context.Context) {
	pause := restartPause
	for {
		begun := time.Now()
		cmd, err := c.launch(ending)
		if err != nil {
			c.set(func(s *corev1.ContainerStatus) {
				s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: err.Error()}}
			})
		} else {
			c.accompany(cmd, ending, killing)
		}
		if time.Since(begun) > 10*time.Second {
			pause = restartPause
		}
		select {
		case <-ending.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxRestartPause)
	}
}

// accompany stays with a started process until it has ended.
func (c *processContainer) accompany(cmd *exec.Cmd, ending, killing context.Context) {
	started := metav1.Now()
	pid := cmd.Process.Pid
	c.writePID(pid)
	probing, stopProbing := context.WithCancel(ending)
	c.set(func(s *corev1.ContainerStatus) {
		s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}
		s.ContainerID, s.Started, s.Ready = fmt.Sprintf("testbed://%d", pid), new(true), c.spec.ReadinessProbe == nil
	})
	c.startProbes(probing, cmd)
	exited := make(chan struct{})
	go func() {
		select {
		case <-ending.Done():
			signal(cmd, syscall.SIGTERM)
		case <-exited:
		}
		select {
		case <-killing.Done():
			signal(cmd, syscall.SIGKILL)
		case <-exited:
		}
	}()
	// How it ended is in its state.
	_ = cmd.Wait()
	close(exited)
	stopProbing()
	c.removePID()
	c.report(cmd, started)
}

func signal(cmd *exec.Cmd, s syscall.Signal) {
	// A process that has just ended needs none.
	_ = cmd.Process.Signal(s)
}

// report writes down how the process ended, and that it will start again.
func (c *processContainer) report(cmd *exec.Cmd, started metav1.Time) {
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	end := &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: started, FinishedAt: metav1.Now(), ExitCode: int32(status.ExitStatus())}
	if status.Signaled() {
		end.Signal, end.ExitCode = int32(status.Signal()), 128+int32(status.Signal())
	}
	if end.ExitCode != 0 {
		end.Reason = "Error"
	}
	c.set(func(s *corev1.ContainerStatus) {
		s.Ready, s.Started = false, new(false)
		s.LastTerminationState = corev1.ContainerState{Terminated: end}
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: reasonCrash, Message: fmt.Sprintf("restarting container %s, which ended with exit code %d", c.spec.Name, end.ExitCode),
		}}
		s.RestartCount++
	})
}

func (c *processContainer) startProbes(ctx context.Context, cmd *exec.Cmd) {
	if p := c.spec.ReadinessProbe; p != nil {
		go c.r.watchProbe(ctx, p, c.spec, func(passed bool) {
			if ctx.Err() == nil {
				c.set(func(s *corev1.ContainerStatus) { s.Ready = passed })
			}
		})
	}
	if p := c.spec.LivenessProbe; p != nil {
		go c.r.watchProbe(ctx, p, c.spec, func(passed bool) {
			if !passed && ctx.Err() == nil {
				c.r.node.events.Eventf(c.pod, corev1.EventTypeWarning, "Unhealthy", "Liveness probe of container %s failed, it will be restarted", c.spec.Name)
				signal(cmd, syscall.SIGTERM)
			}
		})
	}
}

// launch starts the process in a root file system of its own.
func (c *processContainer) launch(ctx context.Context) (*exec.Cmd, error) {
	path, err := c.describe(ctx)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening its log: %w", err)
	}
	defer func() { _ = file.Close() }()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{ControllerImage, rootfs.Command, path}
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting it: %w", err)
	}
	return cmd, nil
}

func (c *processContainer) status(time.Time) (corev1.ContainerStatus, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.state.DeepCopy(), time.Time{}
}

func (c *processContainer) set(change func(*corev1.ContainerStatus)) {
	c.mu.Lock()
	change(&c.state)
	c.mu.Unlock()
	c.r.nudge()
}

// stop sends SIGTERM at once, as a kubelet does, and SIGKILL when ctx ends.
func (c *processContainer) stop(ctx context.Context, _ time.Duration) {
	defer c.kill()
	c.end()
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.kill()
		<-c.ended
	}
}

func (c *processContainer) logs() logSource { return fileLog(c.log) }

func (c *processContainer) pidFile() string { return filepath.Join(c.r.node.PIDs, c.pod.Name) }

func (c *processContainer) writePID(pid int) {
	if err := os.WriteFile(c.pidFile(), []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		log.Printf("pod %s/%s: %v", c.pod.Namespace, c.pod.Name, err)
	}
}

func (c *processContainer) removePID() {
	if err := os.Remove(c.pidFile()); err != nil {
		log.Printf("pod %s/%s: %v", c.pod.Namespace, c.pod.Name, err)
	}
}
