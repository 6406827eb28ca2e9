#!/bin/bash
# Going on: a damaged newest checkpoint is named and the one before it used, two damaged ones end the run and nothing begins
# from scratch silently, checkpoints of another run are refused, finished units are not repeated, a checkpoint that cannot be
# written is a warning, a signal to one rank stops all groups; each time the bits of the undisturbed run.
# timeout: 240
# shellcheck source=tests/fault/job.sh
. "$(dirname "$0")/job.sh"
undisturbed 1

# dead RUN ARGS...: a run that was killed with two checkpoints of its second net
dead() { die "$@" || die "$@" || die "$@"; }
die() {
  local end=$((SECONDS + 30)) n
  rm -rf "$1"
  "$CRMPI" crossval job.yaml --set checkpoint.steps=4 --out "$@" >out.txt 2>err.txt </dev/null &
  job=$!
  while :; do
    n=$(find "$1/checkpoints/hybrid-r0-f1" -name '*.manifest' 2>/dev/null | wc -l)
    [ "$n" -lt 2 ] || break
    [ "$SECONDS" -lt "$end" ] && alive "$job" || break
  done
  kill -9 "$job"
  wait "$job" 2>/dev/null
  [ "$(find "$1/checkpoints/hybrid-r0-f1" -name '*.manifest' 2>/dev/null | wc -l)" -ge 2 ]
} 2>/dev/null
# the checkpoints of the unit, the newest first
checkpoints() { find "$1/checkpoints/hybrid-r0-f1" -name '*.manifest' -printf '%f\n' | sort -rn | sed 's/\.manifest//'; }
# flip FILE: one bit in its middle
flip() {
  local at byte
  at=$(($(stat -c %s "$1") / 2))
  byte=$(od -An -tu1 -j "$at" -N 1 "$1")
  # shellcheck disable=SC2059
  printf "\\x$(printf %x $((byte ^ 8)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

if ! dead killed; then not_ok "a run that was killed with two checkpoints" "$(ls -R killed)"; exit 1; fi
ok "a run that was killed with two checkpoints"
mapfile -t numbers < <(checkpoints killed)
folder=checkpoints/hybrid-r0-f1

damaged_newest() {
  rm -rf run && cp -r killed run
  flip "run/$folder/${numbers[0]}.h5"
  study run 2 >out.txt 2>err.txt || return 1
  grep -q "${numbers[0]}.h5: is damaged" err.txt &&
    grep -q "hybrid-r0-f1: goes on at .*(checkpoint ${numbers[1]})" err.txt && same_end run
}
check "a damaged newest one is named and the one before it is used" damaged_newest
damaged_both() {
  rm -rf run && cp -r killed run
  flip "run/$folder/${numbers[0]}.h5"
  flip "run/$folder/${numbers[1]}.h5"
  exits 2 crossval job.yaml --out run >out.txt 2>err.txt
  [ $? = 3 ] && grep -q "${numbers[0]}.h5: is damaged" err.txt && grep -q "${numbers[1]}.h5: is damaged" err.txt &&
    [ ! -e run/summary.json ] || return 1
  rm -r "run/$folder" # as the message says
  study run 1 >out.txt 2>err.txt && same_end run
}
check "two damaged ones end the run with their names; without the folder the unit begins anew" damaged_both
# The newest one may be whole without a manifest even before: the kill came between the two.
lost_manifests() {
  local newest
  newest=$(find killed/$folder -name '*.h5' -printf '%f\n' | sort -rn | head -n 1)
  rm -rf run && cp -r killed run && rm run/$folder/*.manifest
  study run 1 --set log.level=warn >out.txt 2>err.txt || return 1
  grep -q "$folder: [0-9]* checkpoints there have lost their manifests" err.txt && same_end run || return 1
  rm -rf run && cp -r killed run && rm run/$folder/*.manifest
  study run 2 >out.txt 2>err.txt || return 1
  grep -q "hybrid-r0-f1: goes on at .*(checkpoint ${newest%.h5})" err.txt && same_end run
}
check "checkpoints that lost their manifests are used and named" lost_manifests
other_run() {
  dead other --set eval.seed=9 || return 1
  rm -rf run && cp -r killed run && rm -r "run/$folder" && cp -r "other/$folder" "run/$folder"
  exits 1 crossval job.yaml --out run >out.txt 2>err.txt
  [ $? = 3 ] && grep -q "$folder: checkpoint [0-9]* is of hybrid-r0-f1 of run [0-9a-f]*, not of" err.txt
}
check "checkpoints of another run are refused" other_run
other_unit() {
  rm -rf run && cp -r killed run && mv "run/$folder" run/checkpoints/hybrid-all
  exits 1 crossval job.yaml --out run >out.txt 2>err.txt
  [ $? = 3 ] && grep -q "is of hybrid-r0-f1 of run" err.txt
}
check "checkpoints of another unit are refused" other_unit

not_repeated() {
  local was
  rm -rf run && cp -rp killed run
  sleep 0.01
  was=$(stat -c '%n %y %i' run/units/*.h5)
  [ -n "$was" ] || return 1
  study run 3 >out.txt 2>err.txt || return 1
  # shellcheck disable=SC2046
  [ "$(stat -c '%n %y %i' $(cut -d' ' -f1 <<<"$was"))" = "$was" ] && same_end run
}
check "finished units are not repeated" not_repeated
other_program() {
  rm -rf run && cp -r killed run
  study run 1 >out.txt 2>err.txt && ! grep -q 'goes on with' err.txt || return 1
  rm -rf run && cp -r killed run
  sed -i 's/"program":"[^"]*"/"program":"0.0.1 abc"/' run/.starts
  study run 1 >out.txt 2>err.txt && grep -q 'run was begun by crmpi 0.0.1 abc and goes on with [0-9]' err.txt && same_end run
}
check "a run that another program began is told" other_program
damaged_ledger() {
  rm -rf run && cp -r killed run
  flip run/units/hybrid-r0-f0.h5
  study run 1 >out.txt 2>err.txt || return 1
  grep -q "hybrid-r0-f0.h5.*the unit is run again" err.txt && same_end run
}
check "a damaged result of a unit is named and made again" damaged_ledger
damaged_model() {
  rm -rf run && cp -r whole run && rm run/summary.json
  flip run/models/hybrid.h5
  study run 1 >out.txt 2>err.txt || return 1
  grep -q "models/hybrid.h5.*the unit is run again" err.txt && same_end run
}
check "a damaged model is named and made again" damaged_model

# no file may be longer than 40 KiB: checkpoints fail with path and cause, the net is learnt to its end, its model fails
not_written() {
  (
    ulimit -f 40
    exec "$CRMPI" train job.yaml --set eval.models=[hybrid] --set model.hidden=[200] --out big
  ) >out.txt 2>err.txt
  [ $? = 3 ] && grep -q 'hybrid-all: not saved at step .*checkpoints/hybrid-all/.*File too large' err.txt &&
    grep -q 'crmpi: error: .*models/hybrid.h5.*File too large' err.txt || { cat err.txt >&2; return 1; }
}
check "a checkpoint that cannot be written is a warning" not_written

one_rank_only() {
  local pids end=$((SECONDS + 30))
  rm -rf run
  in_background run 3 --set checkpoint.steps=0
  until [ "$(find run/units -name '*.h5' 2>/dev/null | wc -l)" -ge 1 ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.01
  done
  mapfile -t pids < <(ranks_of "$job")
  kill -USR1 "${pids[2]}"
  wait "$job"
  [ $? = 75 ] && grep -q 'stopped by SIGUSR1' err.txt && ! grep -q 'no place to stop' err.txt || { cat err.txt >&2; return 1; }
  study run 2 >out.txt 2>err.txt && same_end run
}
check "a signal to one rank stops all groups" one_rank_only
exit "$failed"
