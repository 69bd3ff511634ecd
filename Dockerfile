# syntax=docker/dockerfile:1
# Two programs and the library they load: slipwayd (the entry point), slipway, and ONNX Runtime for CPU.
#
#   docker build .                          models in ONNX
#   docker build --target slipwayd-torch .  PyTorch models too, 657 MB larger (docs/runtimes.md)

FROM golang:1.26-bookworm AS build
WORKDIR /src
# Modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
# cgo: SQLite and the ONNX Runtime binding are C. Debian's glibc of the same release is in the last stage.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/cache \
    GOCACHE=/go/cache CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./starter ./worker \
    && mv /out/starter /out/slipway \
    && mv /out/worker /out/slipwayd

# Python's image, so that the library comes from the wheel, which brings its licence and notices along.
FROM python:3.12-slim-bookworm AS onnxruntime
WORKDIR /src
COPY scripts/onnxruntime.sh scripts/onnxruntime.sh
RUN scripts/onnxruntime.sh /out

FROM debian:bookworm-slim AS slipwayd
ARG VERSION=dev
LABEL org.opencontainers.image.title="Slipway" \
      org.opencontainers.image.description="Takes a machine-learning model from data to production as one durable Temporal workflow" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# Versions follow the base image's release, which gets security fixes; pinning them would keep those out.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/slipway --shell /usr/sbin/nologin slipway \
    && install -d -o slipway -g slipway -m 0700 /var/lib/slipway
COPY --from=onnxruntime /out/libonnxruntime.so /usr/local/lib/libonnxruntime.so
COPY --from=onnxruntime /out/LICENSE /out/ThirdPartyNotices.txt /usr/share/doc/onnxruntime/
COPY LICENSE /usr/share/doc/slipway/LICENSE
COPY --from=build /out/slipway /out/slipwayd /usr/local/bin/
ENV ONNXRUNTIME_LIB=/usr/local/lib/libonnxruntime.so \
    SLIPWAY_STATE=/var/lib/slipway
USER 10001:10001
WORKDIR /var/lib/slipway
VOLUME ["/var/lib/slipway"]
# control, gateway over HTTP, gateway over gRPC
EXPOSE 8470 8480 8481
# The gateway's address; docker-compose.yml names the control listener for the roles that have no gateway.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["slipwayd", "health", "--url", "http://127.0.0.1:8480/health"]
ENTRYPOINT ["slipwayd"]
CMD ["run", "--roles", "gateway"]

# The runtime that comes with Slipway for PyTorch models, on Debian's torch for CPU.
FROM slipwayd AS slipwayd-torch
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-torch python3-grpcio python3-protobuf \
    && rm -rf /var/lib/apt/lists/*
COPY runtimes /usr/local/share/slipway/runtimes
# It runs confined, and could write no bytecode: that is made now. The import shows that nothing is missing.
RUN python3 -m compileall -q /usr/local/share/slipway/runtimes \
    && PYTHONPATH=/usr/local/share/slipway/runtimes/python:/usr/local/share/slipway/runtimes/torch python3 -c 'import slipway_runtime, slipway_torch, torch'
ENV SLIPWAY_RUNTIMES=/usr/local/share/slipway/runtimes/runtimes.yaml
USER 10001:10001

# What is built without --target.
FROM slipwayd
