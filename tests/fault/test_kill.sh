#!/bin/bash
# kill -9 of a random rank, of mpirun, or of all, at random moments and while a checkpoint is written; each job is killed
# some times, goes on from its newest checkpoint on a random number of ranks, and comes to the bits of the undisturbed run.
# No checkpoint that had its manifest is lost.  CRM_SEED=N repeats the moments; CRM_KILLS=N sets their number.
# timeout: 2400
# shellcheck source=tests/fault/job.sh
. "$(dirname "$0")/job.sh"
kills=${CRM_KILLS:-$(by_tier 200 8 3)}
undisturbed 2
check "the undisturbed run leaves no checkpoints" test ! -e whole/checkpoints
# the check of the check: another seed gives other bits
study other 2 --set eval.seed=9 >/dev/null 2>&1
if differences other | grep -q predictions; then ok "another seed differs"; else not_ok "another seed differs"; fi
rm -rf other

# wait_for_writer: until a checkpoint is being written, at most so many microseconds
wait_for_writer() {
  local until=$(($(now) + $1))
  while [ "$(now)" -lt "$until" ]; do
    compgen -G "$run/checkpoints/*/*.tmp" >/dev/null && return 0
  done
  return 1
}

# strike: the processes of this job, by what is drawn
strike() {
  local pids
  mapfile -t pids < <(ranks_of "$job")
  draw 3
  if [ ${#pids[@]} = 0 ]; then
    kill -9 "$job"
    how=alone
  elif [ "$drawn" = 0 ]; then
    draw ${#pids[@]}
    kill -9 "${pids[$drawn]}" 2>/dev/null
    how=rank
  elif [ "$drawn" = 1 ]; then
    kill -9 "$job"
    how=mpirun
  else
    kill -9 "$job" "${pids[@]}" 2>/dev/null
    how=all
  fi
  if ! all_gone 20 "$job" "${pids[@]}"; then # mpirun needs two seconds on a quiet machine
    stayed+=" $how ($(tail -n 2 err.txt))"
    kill -9 "$job" "${pids[@]}" 2>/dev/null
  fi
}

# lost: checkpoints that were there before this life and were not gone on from, though the unit ran.  (Lines of ranks whose
# mpirun was killed may not have come; a unit that begins anew cannot write below the checkpoint that is there.)
lost() {
  local unit number
  while read -r unit number; do
    grep -q "$unit: goes on at .*(checkpoint $number)" err.txt && continue
    [ "$(newest "$run" | awk -v u="$unit" '$1 == u {print $2}')" = "$number" ] && continue
    [ "$how" = mpirun ] || [ "$how" = all ] || echo "$unit $number;"
  done <before
  grep -E 'damaged|none of the checkpoints|not saved' err.txt
}

# seen: the newest manifests at the moment of the strike must be there afterwards, or newer ones, or the result
acknowledged_lost() {
  local unit number after
  while read -r unit number; do
    after=$(newest "$run" | awk -v u="$unit" '$1 == u {print $2}')
    [ -n "$after" ] && [ "$after" -ge "$number" ] && continue
    [ -f "$run/units/$unit.h5" ] || echo "$unit $number;"
  done <seen
}

done_kills=0 jobs=0 resumed=0 in_writer=0 stayed='' wrong='' gone='' codes=''
declare -A by=()
run=run
# Jobs that are killed, go on, and end; what bash says of killed processes goes to a file.
strike_and_resume() {
  while [ "$done_kills" -lt "$kills" ]; do
    jobs=$((jobs + 1))
    rm -rf "$run"
    draw 4
    strikes=$((drawn + 1))
    : >before
    for ((life = 0; ; life++)); do
      how=''
      draw 4
      n=$((drawn + 1))
      in_background "$run" "$n"
      if [ "$life" -lt "$strikes" ]; then
        draw 4
        aimed=$drawn
        draw $((took))
        hit=
        if [ "$aimed" = 0 ]; then
          wait_for $((drawn / 2))
          wait_for_writer "$took" && hit=1
        else
          wait_for "$drawn"
        fi
        newest "$run" >seen
        if alive "$job"; then
          strike
          by[$how]=$((${by[$how]:-0} + 1))
          done_kills=$((done_kills + 1))
          [ -z "$hit" ] || in_writer=$((in_writer + 1))
          gone+=$(acknowledged_lost)
        fi
      fi
      wait "$job" 2>/dev/null
      code=$?
      resumed=$((resumed + $(grep -c 'goes on at' err.txt)))
      gone+=$(lost)
      newest "$run" >before
      [ "$code" != 0 ] || break
      if [ "$life" -ge "$strikes" ]; then
        codes+=" $code: $(grep -a crmpi: err.txt | head -n 3)"
        break
      fi
    done
    [ $((jobs % 10)) != 0 ] || echo "# $done_kills kills so far"
    bad=$(differences "$run")
    [ -z "$bad" ] || wrong+=" job $jobs ($n ranks): $bad"
  done
}
strike_and_resume 2>shell.err
echo "# $done_kills kills in $jobs jobs of $((took / 1000)) ms:$(for k in "${!by[@]}"; do echo " $k ${by[$k]}"; done | tr '\n' ',')" \
  "$in_writer in the writer; $resumed units went on from a checkpoint"
if [ -z "$codes" ]; then ok "each job ends well when it is left alone"; else not_ok "each job ends well" "$codes"; fi
if [ -z "$wrong" ]; then ok "$jobs of $jobs jobs have the bits of the undisturbed one"; else not_ok "the same bits" "$wrong"; fi
if [ -z "$gone" ]; then ok "no checkpoint is lost"; else not_ok "no checkpoint is lost" "$gone"; fi
if [ -z "$stayed" ]; then ok "no process stays"; else not_ok "no process stays" "after the kill of:$stayed"; fi
[ "$kills" -lt 8 ] || check "units went on from checkpoints" test "$resumed" -gt 0
exit "$failed"
