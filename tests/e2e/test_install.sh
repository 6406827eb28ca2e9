#!/usr/bin/env bash
# What cmake --install puts into a prefix can be used: the program runs, and a C program builds against the library
# by pkg-config and by CMake, moved prefix included.  tier: full  timeout: 300
set -uo pipefail
root=${CRM_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd -P)}
# shellcheck source=jobs/env.sh
. "$root/jobs/env.sh"

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp" || exit 1
bad=0

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >log 2>&1; then
        echo "ok - $name"
    else
        sed 's/^/# /' log >&2
        echo "not ok - $name"
        bad=1
    fi
}

cat >use.c <<'C'
#include <crmpi/base_math.h>
#include <crmpi/comm.h>
#include <crmpi/store.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    crm_comm *world;
    if (crm_comm_start(&argc, &argv, &world) != CRM_OK) return 1;
    printf("%d ranks, exp(1) = %.6f, %s\n", crm_comm_size(world), crm_exp(1), crm_store_library());
    crm_comm_stop(&world);
    return 0;
}
C
mkdir app
cp use.c app/
cat >app/CMakeLists.txt <<'C'
cmake_minimum_required(VERSION 3.25)
project(use LANGUAGES C)
find_package(crmpi 0.1 REQUIRED)
add_executable(use use.c)
target_link_libraries(use crmpi::crmpi)
C

installed() {
    local f
    for f in bin/crmpi lib/libcrmpi.so lib/pkgconfig/crmpi.pc lib/cmake/crmpi/crmpiConfig.cmake include/crmpi/store.h \
        share/crmpi/configs/quickstart.yaml share/doc/crmpi/LICENSE; do
        [ -f "prefix/$f" ] || { echo "missing: $f" && return 1; }
    done
    [ -x prefix/share/crmpi/jobs/setup.sh ]
}
headers() {
    diff <(cd "$root/include/crmpi" && ls) <(cd prefix/include/crmpi && ls)
}
runs() {
    "$@" | tee log2
    grep -q '^1 ranks, exp(1) = 2.718282, .*1\.' log2
}
by_pkg_config() {
    local flags
    export PKG_CONFIG_PATH=$temp/moved/lib/pkgconfig
    flags=$(pkg-config --cflags --libs crmpi) || return 1
    # shellcheck disable=SC2086
    cc -std=c11 -Wall -Werror use.c -o use $flags
}
by_cmake() {
    cmake -S app -B build -DCMAKE_PREFIX_PATH="$temp/moved" -DCMAKE_BUILD_TYPE=Release && cmake --build build
}
nothing_of_the_build_folder() {
    ! grep -rIlF -e "$CRM_BUILD_DIR" -e "$root/src" moved --include='*.pc' --include='*.cmake'
}

check "install into a prefix" cmake --install "$CRM_BUILD_DIR" --prefix "$temp/prefix"
check "what belongs there is there" installed
check "every public header is there" headers
mv prefix moved
check "the installed program runs" moved/bin/crmpi --version
check "build by pkg-config" by_pkg_config
check "that program runs" runs env LD_LIBRARY_PATH="$temp/moved/lib" ./use
check "build by CMake" by_cmake
check "that one runs too" runs build/use
check "no path of the build folder in the package" nothing_of_the_build_folder
exit $bad
