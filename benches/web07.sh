#!/usr/bin/env bash
# A real trace through a real edge: LRU with room for 1,000 objects, one request at a time. An exact simulation misses
# 37,750 times of 76,118. TRACE is a CSV (time,key,size); the trace itself is not part of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
trace=$(realpath "${TRACE:-../shared/data/traces/web07.csv}")
[ -f "$trace" ] || { echo "no trace at $trace: set TRACE"; exit 1; }
cargo build --release --locked
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
cat >"$out/web07.yaml" <<YAML
schema: 1
name: web07
duration: 10m
content:
  shop: {path: '/shop/{id}', size: 1KiB, headers: {Cache-Control: 'max-age=86400'}}
pops:
  fra: {at: FRA, eviction: lru, max_objects: 1000}
clients:
  shoppers: {from: [FRA], trace: {file: '$trace', mode: sequential}}
network: {model: none}
routing: {mode: nearest}
YAML
for door in simulate run; do
  target/release/cdnlab "$door" "$out/web07.yaml" --quiet --out "$out/$door" >/dev/null || true
  python3 - "$out/$door/report.json" "$door" <<'PY'
import json, sys
total = json.load(open(sys.argv[1]))["variants"][0]["total"]
print(f"{sys.argv[2]}: {total['requests']} requests, {total['classes']}")
PY
done
