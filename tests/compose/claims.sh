# What check.sh claims, a function for each; sourced there, which has `url`, `here`, `work` and `fail`.

files_are_valid() {
  if command -v hadolint >/dev/null; then
    hadolint Dockerfile
  else
    echo "hadolint is not on the PATH: the Dockerfile was not linted"
  fi
  docker compose config --quiet 2>"$work/warnings"
  [ ! -s "$work/warnings" ] || fail "docker compose config warns: $(cat "$work/warnings")"
  docker compose -f docker-compose.yml -f docker-compose.gpu.yml --profile train config --format json | python3 -c '
import json, sys
services = json.load(sys.stdin)["services"]
devices = {name: s.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices") for name, s in services.items()}
assert devices["trainer"][0]["capabilities"] == ["gpu"] and services["trainer"]["build"]["args"]["GROUP"] == "gpu"
assert not devices["api"] and not devices["worker"] and services["api"]["image"] != services["trainer"]["image"]
print("the GPU file gives a GPU to the trainer, and to it alone")'
}

stand_in_for_postgres() {
  docker compose pull --quiet --policy missing postgres >/dev/null 2>&1 || true
  if ! docker image inspect --format '{{.Config.Entrypoint}}' postgres:17 | grep -q docker-entrypoint; then
    echo "postgres:17 is a stand-in here: tests/compose/stand-in.yml hands it the password file"
    export COMPOSE_FILE=docker-compose.yml:tests/compose/stand-in.yml
  fi
}

up_is_healthy() {
  timeout $(($1 + 20)) docker compose --progress quiet up -d --wait --wait-timeout "$1" ||
    fail "up did not end with a healthy service"
}

answers_are_those_of_the_store() {
  docker compose exec -T postgres psql --username=ktup --dbname=ktup --no-align --tuples-only --command "
    SELECT json_build_object(
      'history', (SELECT json_agg(json_build_array(user_id, item_id)) FROM interactions),
      'items', (SELECT json_agg(json_build_array(item_id, entity_id)) FROM items),
      'facts', (SELECT json_agg(json_build_array(head, relation, tail)) FROM facts))" |
    python3 "$here/answers.py" "$url" data/sample/raw/triples.csv
}

containers_are_hardened() {
  docker compose ps --all --quiet | xargs docker inspect | python3 "$here/hardening.py" "$work/password"
}

inside_is_bare() {
  local service
  for service in api worker; do
    [ "$(docker compose exec -T $service id -u)" = 10001 ] || fail "$service does not run as user 10001"
    docker compose exec -T $service touch /srv/ktup/x 2>/dev/null && fail "$service can write to its root folder"
    docker compose exec -T $service sh -c 'command -v gcc || command -v cc || command -v make || command -v pip' &&
      fail "$service has tools that build or install"
    docker compose exec -T $service sh -c 'tr "\0" " " < /proc/1/cmdline' | grep -q '^python -m app ' ||
      fail "$service: process 1 is not the server itself"
    docker compose exec -T $service sh -c 'cat /proc/[0-9]*/environ' | grep -qaF "$(cat "$work/password")" &&
      fail "$service: the password stands in an environment"
  done
  docker compose exec -T api touch /srv/ktup/var/releases/x 2>/dev/null && fail "the API can write to the releases"
  [ "$(docker network inspect --format '{{.Internal}}' "${COMPOSE_PROJECT_NAME}_data")" = true ] ||
    fail "the network of the stores and the workers reaches the world outside"
  echo "user 10001, read-only root, no tools, process 1 is Python, no password, an internal network"
}

second_up_changes_nothing() {
  local before
  before=$(docker compose exec -T api ls var/releases)
  timeout 620 docker compose --progress quiet up -d --wait --wait-timeout 600 || fail "a second up failed"
  [ "$before" = "$(docker compose exec -T api ls var/releases)" ] || fail "the second up made another release"
}

trainer() { docker compose --progress quiet run --rm --no-deps -T -v "$PWD/data/sample/raw:/data:ro" trainer "$@"; }

answering() { python3 -c '
import json, sys, urllib.request
print(json.load(urllib.request.urlopen(sys.argv[1] + "/users/u001/recommendations", timeout=30))["release"])' "$url"; }

trainer_goes_from_files_to_answers() {
  {
    trainer python -m training convert --format tables /data var/datasets/mine
    trainer python -m training train --data var/datasets/mine --out var/runs/mine --set epochs=1 --threads 1
    trainer python -m training release --data var/datasets/mine --checkpoint var/runs/mine/checkpoint --id mine-1
    trainer python -m app import var/datasets/mine
    trainer python -m app activate mine-1
  } >"$work/trainer.log" 2>&1 || { tail -n 30 "$work/trainer.log"; fail "the trainer stopped"; }
  for _ in $(seq 120); do
    [ "$(answering)" = mine-1 ] && { echo "mine-1 answers"; return; }
    sleep 0.5
  done
  fail "the API did not follow to mine-1: $(answering) answers"
}

state_of() { docker inspect --format "$2" "$(docker compose ps --all --quiet "$1")"; }

health() { python3 -c '
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(type(error).__name__)' "$url/health/$1"; }

becomes() {
  for _ in $(seq 480); do
    [ "$(health "$1")" != "$2" ] || return 0
    sleep 0.5
  done
  fail "/health/$1 is $(health "$1"), not $2"
}

database_may_restart() {
  local before
  before=$(state_of api '{{.State.StartedAt}}')
  python3 "$here/requests_in_flight.py" steady "$url" /users/u001/recommendations docker compose --progress quiet restart postgres
  python3 "$here/requests_in_flight.py" steady "$url" /items docker compose --progress quiet restart postgres
  [ "$before" = "$(state_of api '{{.State.StartedAt}}')" ] || fail "the API was restarted, too"
  docker compose --progress quiet stop postgres
  docker compose --progress quiet restart --no-deps api
  becomes live 200
  [ "$(health ready)" = 503 ] || fail "ready without a database"
  docker compose --progress quiet start postgres
  becomes ready 200
  [ "$(state_of api '{{.RestartCount}}')" = 0 ] || fail "the API crashed while it waited for the database"
  echo "live at once, ready when the database was"
}

stop_waits_for_requests() {
  local code
  python3 "$here/requests_in_flight.py" slow "$url" 3 docker compose --progress quiet stop api
  code=$(state_of api '{{.State.ExitCode}}')
  [ "$code" = 0 ] || fail "the server ended with exit code $code, not 0"
  docker compose --progress quiet start api
  becomes ready 200
}

figures() {
  docker image inspect --format 'image: {{.Size}} bytes, {{len .RootFS.Layers}} layers' ktup-recommender:check
  docker history --format '{{.Size}}	{{.CreatedBy}}' ktup-recommender:check | cut -c1-90
  docker compose exec -T api sh -c 'du -sm /opt/venv/lib/python3*/site-packages/* | sort -rn | head -12'
  docker stats --no-stream --format '{{.Name}}	{{.MemUsage}}' | sed "s/$COMPOSE_PROJECT_NAME-//"
}

up_from_nothing() {
  local began times=()
  for _ in $(seq "$1"); do
    docker compose --progress quiet down --volumes --timeout 30
    began=$SECONDS
    SAMPLE=0 timeout 400 docker compose --progress quiet up -d || fail "up from nothing failed"
    becomes live 200
    times+=($((SECONDS - began)))
    [ "$(state_of api '{{.RestartCount}}')$(state_of worker '{{.RestartCount}}')" = 00 ] || fail "a crash at first up"
    [ "$(state_of migrate '{{.State.ExitCode}}')" = 0 ] || fail "the tables were not made"
    docker compose logs api worker migrate 2>&1 | grep -E '"level": "error"|Traceback' && fail "an error at first up"
  done
  echo "$1 more times from nothing, without the sample; seconds until live: ${times[*]}"
}
