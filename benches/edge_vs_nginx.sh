#!/usr/bin/env bash
# Requests per second of the edge against nginx with proxy_cache: one pinned core for the server, the other for the
# client, 64 kept-alive connections, 10,000 objects of 1 KiB, all of them hits. Needs nginx and wrk (Debian packages).
# Prints requests per second of both and their ratio, run by run: quote the ratio, the machine's speed drifts.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-5} seconds=${SECONDS_EACH:-5} objects=${OBJECTS:-10000}
command -v nginx wrk taskset >/dev/null || { echo "needs nginx, wrk and taskset: apt-get install nginx-light wrk util-linux"; exit 1; }
cargo build --release --locked
bin=$PWD/target/release/cdnlab work=$(mktemp -d) ids=()
trap 'for id in "${ids[@]}"; do kill "$id" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT

cat >"$work/catalogue.json" <<JSON
{"seed": 1, "epoch_ms": 0, "classes": [{"name": "objects", "path": "/o/{id}", "objects": $objects, "size": {"fixed": 1024},
 "headers": [["Cache-Control", "max-age=3600"], ["Content-Type", "application/octet-stream"]]}]}
JSON
address() { # node's stdout -> its listen address
  for _ in $(seq 100); do [ -s "$1" ] && break; read -rt 0.1 <> <(:) || true; done
  sed -E 's/.*"listen":"([^"]+)".*/\1/' "$1"
}
taskset -c 1 "$bin" origin --listen 127.0.0.1:0 --admin 127.0.0.1:0 --catalogue "$work/catalogue.json" >"$work/origin" & ids+=($!)
origin=$(address "$work/origin")
taskset -c 0 "$bin" edge --threads 1 --memory 256MiB --listen 127.0.0.1:0 --admin 127.0.0.1:0 --upstream "http://$origin" >"$work/edge" & ids+=($!)
edge=$(address "$work/edge")
edge_id=${ids[-1]}

cat >"$work/nginx.conf" <<CONF
daemon off; master_process off; pid $work/nginx.pid; error_log $work/error.log;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; sendfile on; tcp_nodelay on;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  proxy_cache_path $work/cache levels=1:2 keys_zone=c:64m max_size=1g inactive=1d;
  server { listen 127.0.0.1:18099 reuseport; location / { proxy_pass http://$origin; proxy_cache c; proxy_http_version 1.1; proxy_set_header Connection ""; add_header X-Cache \$upstream_cache_status; } }
}
CONF
taskset -c 0 nginx -p "$work" -c "$work/nginx.conf" & ids+=($!)
nginx=127.0.0.1:18099

cat >"$work/each.lua" <<LUA
local at = 0
request = function() at = (at + 7919) % $objects; return wrk.format("GET", "/o/" .. at) end
LUA
resident() { awk '/VmRSS/ {print $2 * 1024}' "/proc/$1/status"; }
measure() { taskset -c 1 wrk -t1 -c64 -d"${2}s" -s "$work/each.lua" "http://$1" | awk '/Requests\/sec/ {print $2} /Non-2xx/ {print "errors:" $0 > "/dev/stderr"}'; }
before=$(resident "$edge_id")
measure "$edge" 4 >/dev/null; measure "$nginx" 4 >/dev/null # fill both
after=$(resident "$edge_id")
echo "edge: about $(( (after - before) / objects - 1024 )) bytes of resident memory per stored object beyond its 1,024 byte body (connections and allocator included)"
printf '%12s %12s %8s\n' "edge req/s" "nginx req/s" ratio
for _ in $(seq "$runs"); do
  a=$(measure "$edge" "$seconds"); b=$(measure "$nginx" "$seconds")
  awk -v a="$a" -v b="$b" 'BEGIN {printf "%12.0f %12.0f %8.2f\n", a, b, a / b}'
done
