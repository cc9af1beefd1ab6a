FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential cmake libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/tidegate --create-home tidegate \
    && install -d -o tidegate -g tidegate /var/lib/tidegate/data
COPY --from=build /src/target/release/tidegate /usr/local/bin/tidegate
USER tidegate
# `./data` is the database's place unless told otherwise.
WORKDIR /var/lib/tidegate
VOLUME /var/lib/tidegate/data
EXPOSE 8899
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["tidegate", "health"]
ENTRYPOINT ["tidegate"]
