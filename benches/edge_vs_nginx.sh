#!/usr/bin/env bash
# Requests per second of the edge against nginx with proxy_cache: one pinned core for the server, the other for the
# client, 64 kept-alive connections, 10,000 objects of 1 KiB, all of them hits. Needs nginx and wrk (Debian packages).
# Prints requests per second of both and their ratio, run by run: quote the ratio, the machine's speed drifts.
set -euo pipefail
runs=${RUNS:-5} seconds=${SECONDS_EACH:-5} objects=${OBJECTS:-10000}
command -v nginx wrk taskset >/dev/null || { echo "needs nginx, wrk and taskset: apt-get install nginx-light wrk util-linux"; exit 1; }
. "$(dirname "$0")/nodes.sh"
catalogue "$work/catalogue.json" "$objects"
start origin 1 origin --catalogue "$work/catalogue.json"
origin=$address
start edge 0 edge --threads 1 --memory 256MiB --upstream "http://$origin"
edge=$address
nginx=127.0.0.1:${NGINX_PORT:-18099}
cat >"$work/nginx.conf" <<CONF
daemon off; master_process off; pid $work/nginx.pid; error_log $work/error.log;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; sendfile on; tcp_nodelay on;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  proxy_cache_path $work/cache levels=1:2 keys_zone=c:64m max_size=1g inactive=1d;
  server {
    listen $nginx reuseport;
    location / {
      proxy_pass http://$origin; proxy_cache c; proxy_http_version 1.1; proxy_set_header Connection "";
      add_header X-Cache \$upstream_cache_status;
    }
  }
}
CONF
taskset -c 0 nginx -p "$work" -c "$work/nginx.conf" &
ids+=($!)
cat >"$work/each.lua" <<LUA
local at = 0
request = function() at = (at + 7919) % $objects; return wrk.format("GET", "/o/" .. at) end
LUA
measure() {
  taskset -c 1 wrk -t1 -c64 -d"${2}s" -s "$work/each.lua" "http://$1" |
    awk '/Requests\/sec/ {print $2} /Non-2xx/ {print "errors:" $0 > "/dev/stderr"}'
}
measure "$edge" 4 >/dev/null; measure "$nginx" 4 >/dev/null # fill both
printf '%12s %12s %8s\n' "edge req/s" "nginx req/s" ratio
for _ in $(seq "$runs"); do
  a=$(measure "$edge" "$seconds"); b=$(measure "$nginx" "$seconds")
  awk -v a="$a" -v b="$b" 'BEGIN {printf "%12.0f %12.0f %8.2f\n", a, b, a / b}'
done
