#!/usr/bin/env bash
# Resident memory of the edge per stored object beyond its body: the growth from 20,000 to 120,000 objects of 1 KiB, so
# that what the process takes anyway does not count. Linux only. Needs wrk (Debian package).
set -euo pipefail
command -v wrk taskset curl >/dev/null || { echo "needs wrk, taskset and curl: apt-get install wrk util-linux curl"; exit 1; }
. "$(dirname "$0")/nodes.sh"
catalogue "$work/catalogue.json" 120000
start origin 1 origin --catalogue "$work/catalogue.json"
start edge 0 edge --threads 1 --memory 1GiB --upstream "http://$address"
# Asks for each object once: wrk stops only by time, so the script goes on with the last one.
fill() {
  cat >"$work/fill.lua" <<LUA
local at = $1
request = function() if at < $2 then at = at + 1 end; return wrk.format("GET", "/o/" .. at - 1) end
LUA
  taskset -c 1 wrk -t1 -c16 -d"$3s" -s "$work/fill.lua" "http://$address" >/dev/null
}
stored() { curl -s "http://$admin/stats" | sed -E 's/.*"stored_objects":([0-9]+).*/\1/'; }
resident() { awk '/VmRSS/ {print $2 * 1024}' "/proc/$id/status"; }
fill 0 20000 10
few=$(resident) few_objects=$(stored)
fill 20000 120000 40
many=$(resident) many_objects=$(stored)
echo "from $few_objects to $many_objects objects: $(( (many - few) / (many_objects - few_objects) - 1024 )) bytes of resident memory per stored object beyond its body of 1,024 bytes"
