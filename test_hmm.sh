#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the HMM selftest, as the kernel's tools/testing/selftests/mm/test_hmm.sh does, on a simulated
# machine. Needs only sh and Node.js; installs and builds on first use.

TEST_NAME="test_hmm"
dir=$(dirname "$0")

# The kernel's script exits 0 for what it does not understand, too.
usage()
{
	cat <<END
Usage: $0
Example usage:

# Shows help message
./${TEST_NAME}.sh

# Smoke testing
./${TEST_NAME}.sh smoke

# Smoke testing with SPM enabled
./${TEST_NAME}.sh smoke <spm_addr_dev0> <spm_addr_dev1>

END
	exit "$1"
}

check_requirements()
{
	if ! command -v node > /dev/null 2>&1; then
		echo "$0: You need Node.js 20 or newer" >&2
		exit 4
	fi
}

# True when the sources are not those that were built.
is_stale()
{
	[ -d "$dir/src" ] && [ "$(sh "$dir/scripts/sources.sh")" != "$(cat "$dir/dist/.sources" 2> /dev/null)" ]
}

must_be_writable()
{
	[ -w "$1" ] && return
	echo "$0: $1 cannot be written, and what is there is not built: run \"npm ci\" there as somebody who may" >&2
	exit 1
}

# A clone has a lock file; an installed package comes built and has its dependencies inside.
prepare()
{
	if [ -f "$dir/package-lock.json" ] && [ ! -d "$dir/node_modules" ]; then
		must_be_writable "$dir"
		echo "$0: installing what it needs, with npm ci; once only" >&2
		(cd "$dir" && npm ci --loglevel=error --foreground-scripts=false --no-audit --no-fund) >&2 || exit 1
	fi
	is_stale || return
	if [ -f "$dir/bundle/cli/main.js" ] && [ ! -w "$dir/bundle" ]; then
		echo "$0: $dir cannot be written: this is what was built before the sources changed" >&2
		return
	fi
	must_be_writable "$dir"
	echo "$0: building from the sources" >&2
	(cd "$dir" && npm run --silent build) >&2 || exit 1
}

run_smoke()
{
	echo "Running smoke test. Note, this test provides basic coverage."

	case "${1:--}" in
	-*) ;;
	*)
		case "${2:--}" in
		-*)
			echo "Missing module parameters. Make sure pass spm_addr_dev0 and spm_addr_dev1"
			usage 64
			;;
		esac
		dev0=$1 dev1=$2
		shift 2
		# Whatever else is no option, the kernel's script never looks at.
		while [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; do
			shift
		done
		set -- "$dev0" "$dev1" "$@"
		;;
	esac
	check_requirements
	prepare
	exec node "$dir/bin/hmm-sim.js" smoke "$@"
}

case "${1:-}" in
smoke) ;;
"" | -h | --help) usage 0 ;;
*)
	echo "$0: unknown word \"$1\"; expected smoke" >&2
	usage 64
	;;
esac
shift
run_smoke "$@"
