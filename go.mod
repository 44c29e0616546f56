module github.com/kubectl-grayscale/kubectl-grayscale

go 1.26.0
