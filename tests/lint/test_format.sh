#!/usr/bin/env bash
# The white space of every C file is clang-format 14's, by .clang-format.  timeout: 120
set -uo pipefail
cd "${CRM_SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1

tool=$(command -v clang-format-14 || command -v clang-format)
case "$("${tool:-false}" --version 2>/dev/null)" in
*'version 14.'*) ;;
*)
    echo "1..0 # SKIP clang-format 14 is not installed"
    exit 0
    ;;
esac

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cp .clang-format "$temp"
printf 'int f( void ){return 1;}\n' >"$temp/bad.c"
if "$tool" --dry-run -Werror "$temp/bad.c" 2>/dev/null; then
    echo "not ok - a badly formatted file is found"
else
    echo "ok - a badly formatted file is found"
fi

mapfile -d '' -t files < <(find src include tests bench -name '*.[ch]' -print0 2>/dev/null)
if printf '%s\0' "${files[@]}" | xargs -0 -n 8 -P 2 "$tool" --dry-run -Werror >"$temp/out" 2>&1; then
    echo "ok - ${#files[@]} files are formatted"
else
    sed -n 's/: error: code should be clang-formatted.*//p' "$temp/out" | head -n 50 >&2
    echo "not ok - ${#files[@]} files are formatted (clang-format-14 -i FILE mends it)"
fi
