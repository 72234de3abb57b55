#!/usr/bin/env bash
# How fast the simulator is: requests per second of processor time (user and system, whole process) and peak memory, for
# one PoP and for eight behind a shield. Beside it, where Python has the package `libcachesim` (pip install libcachesim),
# S3-FIFO over requests of the same law without HTTP, time or topology, and whether both miss equally often.
# PYTHON chooses the interpreter, REQUESTS how many requests (in millions).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
millions=${REQUESTS:-5}
cargo build --release --locked
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
duration=$((millions * 50))s
content="objects: {path: '/o/{id}', objects: 1000000, size: 10KiB, headers: {Cache-Control: 'max-age=86400'}, think: 20ms}"

cat >"$out/one-pop.yaml" <<YAML
schema: 1
name: one-pop
duration: $duration
origin: {at: IAD}
content:
  $content
pops:
  fra: {at: FRA}
defaults: {eviction: s3fifo, memory: 64GiB, max_objects: 100000}
clients:
  europe: {from: [FRA, LHR, MAD, WAW], rate: 20000/s, zipf: 1.0}
routing: {mode: nearest}
YAML

cat >"$out/eight-pops.yaml" <<YAML
schema: 1
name: eight-pops
duration: $duration
origin: {at: IAD}
content:
  $content
pops:
  shield: {at: IAD, serves_clients: false, max_objects: 400000}
  fra: {at: FRA, upstream: shield}
  lhr: {at: LHR, upstream: shield}
  mad: {at: MAD, upstream: shield}
  ewr: {at: EWR, upstream: shield}
  lax: {at: LAX, upstream: shield}
  gru: {at: GRU, upstream: shield}
  sin: {at: SIN, upstream: shield}
  nrt: {at: NRT, upstream: shield}
defaults: {eviction: s3fifo, memory: 64GiB, max_objects: 100000}
clients:
  europe: {from: [FRA, LHR, MAD], rate: 8000/s, zipf: 1.0}
  america: {from: [EWR, LAX, GRU], rate: 8000/s, zipf: 1.0}
  asia: {from: [SIN, NRT], rate: 4000/s, zipf: 1.0}
routing: {mode: nearest}
YAML

cat >"$out/run.py" <<'PY'
import json, resource, subprocess, sys
exe, folder, name = sys.argv[1:4]
subprocess.run([exe, "simulate", f"{folder}/{name}.yaml", "--quiet", "--out", f"{folder}/{name}"], check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = used.ru_utime + used.ru_stime
# Kilobytes everywhere but on macOS.
memory = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
total = json.load(open(f"{folder}/{name}/report.json"))["variants"][0]["total"]
requests = total["requests"]
# Who waits for another's fetch has missed, too, as a simulator without time counts.
misses = requests - total["classes"]["hit"]
print(f"{name:11} {requests / seconds / 1e6:5.2f} million requests per CPU second ({requests} in {seconds:.1f} s), "
      f"{memory:.0f} MiB at most, {100 * misses / requests:.2f} % missed")
PY
for name in one-pop eight-pops; do "$python" "$out/run.py" target/release/cdnlab "$out" "$name"; done

if "$python" -c 'import libcachesim' 2>/dev/null; then
  "$python" - "$out" <<'PY'
import array, bisect, itertools, json, random, struct, sys, time
import libcachesim as lcs
folder = sys.argv[1]
total = json.load(open(f"{folder}/one-pop/report.json"))["variants"][0]["total"]
requests = total["requests"]
ours = 1 - total["classes"]["hit"] / requests
# The same law: 1,000,000 objects, popularity 1 / rank.
edges = list(itertools.accumulate(1 / rank for rank in range(1, 1_000_001)))
drawn = random.Random(1).choices(range(1_000_000), cum_weights=edges, k=requests)
with open(f"{folder}/zipf.bin", "wb") as file:
    for start in range(0, requests, 100_000):
        file.write(b"".join(struct.pack("<IQIq", (start + i) // 20_000, key + 1, 1, -2)
                            for i, key in enumerate(drawn[start:start + 100_000])))
reader = lcs.TraceReader(f"{folder}/zipf.bin", lcs.TraceType.ORACLE_GENERAL_TRACE,
                         lcs.ReaderInitParam(ignore_obj_size=True))
# As foyer has it: one further access promotes, and ghosts weigh as much as the whole capacity.
cache = lcs.S3FIFO(cache_size=100_000, move_to_main_threshold=1, ghost_size_ratio=1.0)
before = time.process_time()
theirs, _ = cache.process_trace(reader)
seconds = time.process_time() - before
print(f"libcachesim {requests / seconds / 1e6:5.2f} million requests per CPU second (bare S3-FIFO), {100 * theirs:.2f} % missed")
gap = abs(theirs - ours)
print("equal miss ratios" if gap < 0.005 else f"MISS RATIOS DIFFER by {100 * gap:.2f} points")
sys.exit(gap >= 0.005)
PY
else
  echo "libcachesim is not installed: pip install libcachesim"
fi
