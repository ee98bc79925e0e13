# steps.sh: running one long step with its output in a log and its progress on the terminal; sourced
# by deploy/demo and tests/run (bash).
#
#   step_run LOG FUNCTION...    runs it in a process group of its own; returns its exit status
#   step_stop                   ends that group, for traps
#   pause SECONDS               waits without starting a process
#   alive PID                   whether it runs; one that ended and was not waited for does not
#
# On a terminal the last line of the log is shown and replaced; elsewhere a line every 20 s. Plain
# text where NO_COLOR is set.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those who source this

if [ -t 1 ] && [ -z "${NO_COLOR-}" ] && [ "${TERM-dumb}" != dumb ]; then
    live=yes bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' dim=$'\e[2m' plain=$'\e[0m' clear=$'\r\e[K'
else
    live='' bold='' red='' green='' dim='' plain='' clear=''
fi

step_child=''

# The reading end of a pipe that nobody writes to.
exec {never}<> <(:)
pause() { read -r -t "$1" -u "$never" || true; }

# Inside a trap bash does not wait for its children: kill -0 would take them for alive.
alive() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    case ${stat##*) } in Z* | X*) return 1 ;; esac
}

step_stop() {
    [ -z "$step_child" ] || kill -TERM -- "-$step_child" 2>/dev/null || true
    step_child=''
}

step_last_line() { # log width
    tail -c 2000 "$1" | tr -d '\033\r' | grep -v '^ *$' | tail -n 1 | cut -c "1-$2"
}

step_progress() { # log
    local width=$(($(tput cols 2>/dev/null || echo 80) - 16)) told=0 seconds started=$SECONDS
    while alive "$step_child"; do
        seconds=$((SECONDS - started))
        if [ -n "$live" ]; then
            printf '%s  %s%4d s  %s%s' "$clear" "$dim" "$seconds" "$(step_last_line "$1" "$width")" "$plain"
        elif [ $((seconds - told)) -ge 20 ]; then
            told=$seconds
            printf '  %4d s  %s\n' "$seconds" "$(step_last_line "$1" 90)"
        fi
        pause 0.25
    done
    printf '%s' "$clear"
}

step_run() { # log function...
    local log=$1 status=0
    shift
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    step_child=$!
    set +m
    step_progress "$log"
    wait "$step_child" || status=$?
    step_stop
    return "$status"
}
