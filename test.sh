#!/bin/bash
# Runs Bulkhead's tests. The last line is "N passed, N failed"; exit code 0 if none failed.
set -u
cd "$(dirname "$0")" || exit 1

usage() {
	cat <<-END
	usage: ./test.sh                        everything
	       ./test.sh check                  the tree's rules: includes, headers, lengths
	       ./test.sh unit                   unit tests, under ASan and UBSan
	       ./test.sh fuzz [SECONDS]         every fuzz target for so long (default 10)
	       ./test.sh system [PYTEST-ARG]... systems under QEMU: ./test.sh system -k demo

	Installs what is missing first (Debian 12 or newer; root or sudo) and builds what the
	tests need. JOBS=N sets how many compilers run at a time.
	END
}

build=${BUILD:-build}
passed=0 failed=0
bold= green= red= plain=
if [ -t 1 ]; then
	# For the scripts below, whose output goes through a pipe.
	export COLOUR=1
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

headline() { echo "${bold}== $*${plain}"; }

count() {
	passed=$((passed + $1))
	failed=$((failed + $2))
}

# The last line says it all, whatever happened before.
finish() {
	if [ "$failed" -eq 0 ]; then printf '%s' "$green"; else printf '%s' "$red"; fi
	echo "$passed passed, $failed failed$plain"
	[ "$failed" -eq 0 ]
	exit
}

# build_for TARGET...: a failure counts as one failed test.
build_for() {
	tools/build "$@" && return
	count 0 1
	return 1
}

# counted NAME COMMAND...: shows the output and counts its line "NAME: N passed, N failed".
counted() {
	local name=$1 result
	shift
	"$@" 2>&1 | tee "$build/$name.out"
	result=$(sed -n "s/^$name: \([0-9]*\) passed, \([0-9]*\) failed\$/\1 \2/p" "$build/$name.out")
	# shellcheck disable=SC2086
	count ${result:-0 1}
}

run_check() {
	headline "Rules of the tree"
	if /usr/bin/python3 tools/check-tree; then count 1 0; else count 0 1; fi
	if build_for clang-check; then count 1 0; fi
}

run_unit() {
	headline "Unit tests"
	build_for tests && counted unit make -s unit
}

run_fuzz() {
	headline "Fuzzing, ${1:-10} s each"
	build_for fuzzers && counted fuzz make -s fuzz FUZZ_SECONDS="${1:-10}"
}

# attribute NAME: a number from the first test suite in pytest's report.
attribute() { sed -n "0,/<testsuite /s/.*<testsuite [^>]*$1=\"\([0-9]*\)\".*/\1/p" "$report"; }

run_system() {
	local report=$build/system.xml bad skipped

	headline "Guest programs and systems under QEMU"
	build_for image firmware command guests linux hosted || return
	rm -f "$report"
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -p no:cacheprovider --junitxml="$report" \
		-v -ra --tb=short tests/system "$@"
	if [ ! -s "$report" ] || [ "$(attribute tests)" = 0 ]; then
		echo "no system test was run"
		count 0 1
		return
	fi
	bad=$(($(attribute failures) + $(attribute errors)))
	skipped=$(attribute skipped)
	count $(($(attribute tests) - bad - skipped)) $bad
}

case ${1:-all} in
-h | --help) usage; exit 0 ;;
all | check | unit | fuzz | system) ;;
*) usage >&2; exit 2 ;;
esac

mkdir -p "$build"
if ! tools/setup test; then
	count 0 1
	finish
fi
case ${1:-all} in
all)
	run_check
	run_unit
	run_fuzz
	run_system
	;;
*)
	what=$1
	shift
	run_$what "$@"
	;;
esac
finish
