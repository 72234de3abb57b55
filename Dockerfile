# The image of every container of docker-compose.yml: one static binary and nothing else.
#
# Built by BuildKit and by the classic builder alike, on Intel and on ARM. What crates.io gives is compiled in a layer of
# its own, which only a change of Cargo.toml or Cargo.lock makes anew.
ARG RUST=1.95

# The manifests alone, whatever else has changed.
FROM rust:${RUST}-slim-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock -delete && find . -type d -empty -delete

FROM rust:${RUST}-slim-bookworm AS build
WORKDIR /src
# glibc inside the binary: it finds names by /etc/hosts and DNS without any library of the system.
ENV RUSTFLAGS="-C target-feature=+crt-static" CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_DEBUG=0
COPY --from=manifests /src .
# Stubs in place of our crates, whose own targets (benches, tests) do not matter here.
RUN find . -name Cargo.toml -exec sed -i -E '/^\[\[(bench|test|example)\]\]/,/^$/d' {} + \
 && for crate in $(find . -mindepth 2 -name Cargo.toml -exec dirname {} +); do \
      mkdir -p "$crate/src" && echo 'fn main() {}' | tee "$crate/src/main.rs" > "$crate/src/lib.rs"; \
    done \
 && cargo build --release --locked -p cdnlab --target "$(rustc -vV | sed -n 's/^host: //p')" \
 && find . -path ./target -prune -o -name '*.rs' -exec rm {} +
COPY . .
# Files are as old as they were outside; to cargo they have to be newer than the stubs.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
 && cargo build --release --locked -p cdnlab --target "$(rustc -vV | sed -n 's/^host: //p')" \
 && mkdir -p /out/etc/cdnlab /out/state \
 && cp target/*/release/cdnlab /out/cdnlab \
 && cp deploy/compose/*.json /out/etc/cdnlab/ \
 && echo 'hosts: files dns' > /out/etc/nsswitch.conf \
 && touch /out/state/.keep

FROM scratch
COPY --from=build /out/cdnlab /cdnlab
COPY --from=build /out/etc /etc
# Volumes that are mounted here begin as what is here: a folder that the user below can write.
COPY --from=build --chown=65532:65532 /out/state /var/lib/cdnlab
USER 65532:65532
ENTRYPOINT ["/cdnlab"]
CMD ["--help"]
