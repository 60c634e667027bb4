#!/bin/bash
# Bulkhead's demonstration: two Linux machines and a real-time program on one RISC-V system.
set -u
cd "$(dirname "$0")" || exit 1

usage() {
	cat <<-END
	usage: ./demo.sh [--batch] [--no-h] [OPTION]... [-- QEMU-ARGUMENT...]

	Installs what is missing (Debian 12 or newer; root or sudo), builds Bulkhead, and starts
	systems/demo.dts on it: two Debian Linux machines and a real-time program, isolated from
	each other, on bare metal as QEMU emulates it. What to type is shown on its console;
	Ctrl-A X leaves QEMU at any time.

	  --batch  without a terminal: the Linux machines report userspace, one pings the other
	           and both power off, the real-time program prints one histogram and stops;
	           exit code 0 if all did
	  --no-h   on a machine whose harts lack the H extension

	Other options go to "bulkhead run"; see build/bulkhead run --help.
	END
}

for arg; do
	case $arg in
	-h | --help) usage; exit 0 ;;
	--) break ;;
	esac
done

tools/setup demo || exit 1
tools/build WERROR= image command guests linux || exit 1
exec "${BUILD:-build}/bulkhead" run systems/demo.dts "$@"
