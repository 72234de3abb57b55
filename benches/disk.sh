#!/usr/bin/env bash
# The disk tier: requests per second of hits from memory, of hits of which nearly all come from disk (a memory of 4 MiB before
# OBJECTS objects of 1 KiB), and of misses that are written there; with resident memory. One pinned core for the edge, the other for
# client and origin. Files are likely to lie in the system's page cache: it is the tier's own cost that shows, not the device's.
# Needs wrk (Debian package).
set -euo pipefail
seconds=${SECONDS_EACH:-5} objects=${OBJECTS:-100000}
command -v wrk taskset curl >/dev/null || { echo "needs wrk, taskset and curl: apt-get install wrk util-linux curl"; exit 1; }
. "$(dirname "$0")/nodes.sh"
catalogue "$work/catalogue.json" "$objects"
start origin 1 origin --catalogue "$work/catalogue.json"
origin=$address
cat >"$work/once.lua" <<LUA
local at = 0
request = function() if at < $objects then at = at + 1 end; return wrk.format("GET", "/o/" .. at - 1) end
LUA
cat >"$work/each.lua" <<LUA
local at = 0
request = function() at = (at + 7919) % $objects; return wrk.format("GET", "/o/" .. at) end
LUA
rate() { taskset -c 1 wrk -t1 -c64 -d"$3s" -s "$work/$1.lua" "http://$2" | awk '/Requests\/sec/ {print $2}'; }
count() { curl -s "http://$admin/metrics" | awk -v name="$1" '$1 ~ "^" name {sum += $2} END {printf "%d", sum}'; }
resident() { awk '/VmRSS/ {print $2 / 1024}' "/proc/$id/status"; }

start memory 0 edge --threads 1 --memory 1GiB --upstream "http://$origin"
rate once "$address" 30 >/dev/null
printf 'hits from memory:        %8.0f requests per second, %4.0f MiB resident\n' "$(rate each "$address" "$seconds")" "$(resident)"
kill "$id"; wait "$id" 2>/dev/null || true

start disk 0 edge --threads 1 --memory 4MiB --disk "$work/store" --disk-size 2GiB --upstream "http://$origin"
before=$SECONDS
rate once "$address" 30 >/dev/null
printf 'filled:                  %8d objects on disk after %d s\n' "$(count cdnlab_edge_disk_written_total)" $((SECONDS - before))
hits=$(count cdnlab_edge_disk_hits_total) asked=$(count cdnlab_edge_upstream_requests_total)
found=$(rate each "$address" "$seconds")
printf 'hits, most from disk:    %8.0f requests per second, %4.0f MiB resident (%d from disk, %d upstream)\n' "$found" "$(resident)" \
  $(($(count cdnlab_edge_disk_hits_total) - hits)) $(($(count cdnlab_edge_upstream_requests_total) - asked))
