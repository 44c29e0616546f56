# The controller's image: one static binary, no shell, no root.
#   docker build -t example.com/grayscale-controller:v1.0.0 .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
COPY webhook webhook
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w" -o /grayscale-controller ./cmd/grayscale-controller

FROM gcr.io/distroless/static:nonroot
COPY --from=build /grayscale-controller /grayscale-controller
COPY LICENSE /LICENSE
USER 65532:65532
ENTRYPOINT ["/grayscale-controller"]
