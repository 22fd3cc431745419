#!/usr/bin/env bash
# Brings the whole service up from nothing, asks it from outside its containers, and takes it down, volumes and all.
#   make compose-check
#   ENGINE=PROGRAM make compose-check      where no Docker engine runs: `PROGRAM COMMAND…` runs a command with one
#   UPS=2 make compose-check               times it is brought up from nothing; 5 if unset
# A project, a port, a password and an image tag of its own keep it apart from what else runs on the engine.
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
work=$(mktemp -d)
# Signs that a URL would take for something else.
printf 'check:p@ss/word?%s\n' "$RANDOM$RANDOM" > "$work/password"
chmod 755 "$work"
chmod 444 "$work/password"
export API_PORT DATABASE_PASSWORD_FILE=$work/password COMPOSE_FILE=docker-compose.yml
url=http://127.0.0.1:$API_PORT
# shellcheck source=tests/compose/claims.sh
. "$here/claims.sh"

step() { printf '== %s (%ss)\n' "$*" "$SECONDS"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
finish() {
  code=$?
  if [ $code != 0 ]; then
    docker compose ps --all || true
    docker compose logs --tail 30 || true
  fi
  docker compose down --volumes --remove-orphans --timeout 30 >/dev/null 2>&1 || echo "docker compose down failed" >&2
  rm -rf "$work"
  exit $code
}
trap finish EXIT
trap 'exit 1' INT TERM

step "the Dockerfile and the Compose files"
files_are_valid
step "docker compose build"
timeout 1500 docker compose --progress plain build >"$work/build.log" 2>&1 ||
  { tail -n 40 "$work/build.log"; fail "the image cannot be built"; }
stand_in_for_postgres
step "docker compose up -d --wait"
up_is_healthy 1200
step "both calls, from outside, against what PostgreSQL keeps"
answers_are_those_of_the_store
step "every container: user, root folder, capabilities, limits, restarts, ports, networks, password"
containers_are_hardened
step "inside the API and the worker"
inside_is_bare
step "up again: same release, nothing trained twice"
second_up_changes_nothing
step "a training job, done by the worker"
python3 "$here/training_job.py" "$url"
step "the trainer, from files to answers"
trainer_goes_from_files_to_answers
step "C124: PostgreSQL restarts under requests, and comes later than the API"
database_may_restart
step "C106: a request that takes 3 s while the server is stopped"
stop_waits_for_requests
step "figures"
figures
step "C124: up from nothing, again and again"
up_from_nothing $((${UPS:-5} - 1))
step "all claims hold"
