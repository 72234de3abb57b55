#!/usr/bin/env bash
# The conformance suite against our edge, nginx and Varnish in one run: one table. Needs nginx and varnishd (Debian:
# apt-get install nginx varnish). Each is configured as somebody would who wants a correct shared cache (docs/conformance.md).
# CDNLAB names a binary to use in place of a release build; further arguments go to `cdnlab conformance`.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v nginx varnishd >/dev/null || { echo "needs nginx and varnishd: apt-get install nginx varnish"; exit 1; }
if [ -z "${CDNLAB:-}" ]; then cargo build --release --locked; CDNLAB=$PWD/target/release/cdnlab; fi
origin=127.0.0.1:${ORIGIN_PORT:-18200} nginx=127.0.0.1:${NGINX_PORT:-18201} varnish=127.0.0.1:${VARNISH_PORT:-18202}
work=$(mktemp -d) ids=()
trap 'for id in "${ids[@]}"; do kill "$id" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT

cat >"$work/nginx.conf" <<CONF
daemon off; pid $work/nginx.pid; error_log $work/error.log; worker_processes 1;
$([ "$(id -u)" = 0 ] && echo "user root;")
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  proxy_cache_path $work/cache levels=1:2 keys_zone=c:16m max_size=1g inactive=1d;
  server {
    listen $nginx;
    location / {
      proxy_pass http://$origin; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host \$http_host;
      proxy_cache c; proxy_cache_key \$http_host\$request_uri;
      proxy_cache_revalidate on; proxy_cache_background_update on; proxy_cache_lock on;
    }
  }
}
CONF
nginx -p "$work" -c "$work/nginx.conf" &
ids+=($!)
# Varnish answers stale for ten seconds and makes up a lifetime of two minutes unless told otherwise.
varnishd -F -j none -n "$work/varnish" -a "$varnish" -b "$origin" -s malloc,64m -p default_ttl=0 -p default_grace=0 -p default_keep=3600 >"$work/varnish.log" 2>&1 &
ids+=($!)
for address in "$nginx" "$varnish"; do
  for try in $(seq 100); do
    (exec 3<>"/dev/tcp/${address/:/\/}") 2>/dev/null && break
    [ "$try" -lt 100 ] || { cat "$work/error.log" "$work/varnish.log"; exit 1; }
    sleep 0.1
  done
done
# A `must` that another cache fails is what this shows, no failure of the script.
"$CDNLAB" conformance --origin-listen "$origin" edge "nginx=http://$nginx" "varnish=http://$varnish" "$@" || [ $? = 99 ]
