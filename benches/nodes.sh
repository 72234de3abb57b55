# Sourced by the benchmarks: the release binary, a folder that goes away, nodes that end with the script.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked
bin=$PWD/target/release/cdnlab work=$(mktemp -d) ids=()
trap 'for id in "${ids[@]}"; do kill "$id" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT

# start NAME CORE ARGUMENTS…: a node pinned to a core; sets $id, and $address and $admin from its readiness line.
start() {
  local name=$1 core=$2
  shift 2
  mkfifo "$work/$name"
  taskset -c "$core" "$bin" "$@" --log-level warn --listen 127.0.0.1:0 --admin 127.0.0.1:0 >"$work/$name" &
  id=$!
  ids+=("$id")
  local ready
  ready=$(head -n 1 "$work/$name")
  address=$(sed -E 's/.*"listen":"([^"]+)".*/\1/' <<<"$ready")
  admin=$(sed -E 's/.*"admin":"([^"]+)".*/\1/' <<<"$ready")
}

# catalogue FILE OBJECTS: one class of 1 KiB objects that stay fresh, at /o/N.
catalogue() {
  cat >"$1" <<JSON
{"seed": 1, "epoch_ms": 0, "classes": [{"name": "objects", "path": "/o/{id}", "objects": $2, "size": {"fixed": 1024},
 "headers": [["Cache-Control", "max-age=3600"], ["Content-Type", "application/octet-stream"]]}]}
JSON
}
