#!/usr/bin/env bash
# Is modelled latency real? Plays benches/latency.yaml live and prints how far the medians differ from the model.
# Warm hits: 2 crossings, 80 ms. Misses over warm connections: 4 crossings, 200 ms. The aim is 0.5 ms per crossing.
# A miss on a new upstream connection pays one more round trip of 120 ms. Needs python3 to read the report.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
target/release/cdnlab run benches/latency.yaml --quiet --out "$out" >/dev/null || true
python3 - "$out/report.json" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
print(report["verdict"])
near, far = (next(v for v in report["variants"] if v["name"] == name) for name in ("near", "far"))
def row(variant, path):
    return next(p for p in variant["paths"] if p["name"] == path)["ttfb"]
for path, model, crossings in (("warm", 80.0, 2), ("cold", 200.0, 4)):
    a, b = row(near, path), row(far, path)
    got = (b["p50"] - a["p50"]) * 1000
    print(f"{path}: p50 {a['p50']*1000:.2f} ms near ({a['samples']}), {b['p50']*1000:.2f} ms far ({b['samples']}); "
          f"difference {got:.2f} ms, model {model:.0f} ms, {(got - model) / crossings:+.2f} ms per crossing")
PY
