#!/usr/bin/env bash
# The tree speaks of itself alone: no path of a machine it was written on, no host of a package registry, no ticket
# number.  timeout: 60
set -uo pipefail
cd "${CRM_SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1

# In pieces, so that this file does not hold what it looks for.
words=("/wo""rk/" "/ro""ot/" "/ho""me/[a-z]" "pypi\\.o""rg" "pythonho""sted" "artifact""ory" "deb\\.deb""ian\\.org"
    "npm""js\\." "conda\\.ana""conda" "\\bissue #?[0-9]" "\\bticket #[0-9]" "https?://(localh""ost|127\\.|10\\.|192\\.168\\.)")
pattern=$(
    IFS='|'
    echo "${words[*]}"
)

# Lines of the files given on standard input (0-terminated) that hold one of the words.
find_words() {
    xargs -0 -r grep -nIE "$pattern" -- /dev/null
}
all_files() {
    find . \( -path ./.git -o -path ./build -o -path ./runs -o -path ./.cache -o -name __pycache__ \) -prune \
        -o -type f -print0
}

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
planted="see /wo""rk/main/x"
echo "$planted" >"$temp/a file"
if printf '%s\0' "$temp/a file" | find_words >/dev/null; then
    echo "ok - a planted path is found"
else
    echo "not ok - a planted path is found"
fi

if all_files | find_words >"$temp/out"; then
    head -n 50 "$temp/out" >&2
    echo "not ok - no path of a machine and no registry in the tree"
else
    echo "ok - no path of a machine and no registry in the tree"
fi
