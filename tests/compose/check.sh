#!/usr/bin/env bash
# Brings the whole service up from nothing, asks it from outside its containers, and takes it down, volumes and all.
#   make compose-check
#   ENGINE=PROGRAM make compose-check      where no Docker engine runs: `PROGRAM COMMAND…` runs a command with one
# A project, a port and an image tag of its own keep it apart from what else runs on the engine.
# Exit code: 0 all claims hold, 1 one does not, 2 there is no engine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

if ! docker compose version >/dev/null 2>&1 || ! docker info >/dev/null 2>&1; then
  engine=${ENGINE:-${1:-}}
  if [ -n "$engine" ]; then
    exec env ENGINE= "$engine" bash "$here/check.sh"
  fi
  echo "No Docker engine with Compose answers. Start one, or name a program that runs a command with one:" >&2
  echo "  ENGINE=path/to/program make compose-check" >&2
  exit 2
fi

export COMPOSE_PROJECT_NAME=ktup-check-$$ IMAGE_TAG=check API_ADDRESS=127.0.0.1 SAMPLE=1 COMPOSE_ANSI=never
API_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export API_PORT
url=http://127.0.0.1:$API_PORT

step() { printf '== %s (%ss)\n' "$*" "$SECONDS"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
finish() {
  code=$?
  rm -f "${log:-}"
  if [ $code != 0 ]; then
    docker compose ps --all || true
    docker compose logs --tail 30 || true
  fi
  docker compose down --volumes --remove-orphans --timeout 30 >/dev/null 2>&1 || echo "docker compose down failed" >&2
  exit $code
}
trap finish EXIT
trap 'exit 1' INT TERM

if command -v hadolint >/dev/null; then
  step "hadolint Dockerfile"
  hadolint Dockerfile
else
  echo "hadolint is not on the PATH: the Dockerfile was not linted"
fi

step "docker compose build"
log=$(mktemp)
timeout 1500 docker compose --progress plain build >"$log" 2>&1 || { tail -n 40 "$log"; fail "the image cannot be built"; }
step "docker compose up -d --wait"
timeout 420 docker compose --progress quiet up -d --wait --wait-timeout 400 || fail "up did not end with a healthy service"

step "both calls, from outside, against what PostgreSQL keeps"
docker compose exec -T postgres psql --username=ktup --dbname=ktup --no-align --tuples-only --command "
  SELECT json_build_object(
    'history', (SELECT json_agg(json_build_array(user_id, item_id)) FROM interactions),
    'items', (SELECT json_agg(json_build_array(item_id, entity_id)) FROM items),
    'facts', (SELECT json_agg(json_build_array(head, relation, tail)) FROM facts))" |
  python3 "$here/answers.py" "$url" data/sample/raw/triples.csv
step "the API's user, root and volumes"
uid=$(docker compose exec -T api id -u)
[ "$uid" != 0 ] || fail "the API runs as root"
docker compose exec -T api touch /srv/ktup/x 2>/dev/null && fail "the API can write to its root folder"
docker compose exec -T api touch /srv/ktup/var/releases/x 2>/dev/null && fail "the API can write to the releases"
echo "user $uid, read-only root, read-only releases"

step "up again: same release, nothing trained twice"
before=$(docker compose exec -T api ls var/releases)
timeout 240 docker compose --progress quiet up -d --wait --wait-timeout 200 || fail "a second up failed"
[ "$before" = "$(docker compose exec -T api ls var/releases)" ] || fail "the second up made another release"

step "SIGTERM ends the server by itself"
docker compose --progress quiet stop api
code=$(docker inspect --format '{{.State.ExitCode}}' "$(docker compose ps --all --quiet api)")
[ "$code" = 0 ] || fail "the server ended with exit code $code, not 0"
step "all claims hold"
