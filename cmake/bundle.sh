#!/usr/bin/env bash
# bundle.sh BUILD_DIR OUT - a relocatable archive of the program: OUT (a folder, made anew) and OUT.tar.xz.
#
# Holds crmpi, crmpi_cuda.so, the tests and benchmarks of a GPU, Open MPI's run-time parts and every shared library but
# glibc and those of CUDA, which the module looks for on the machine where it runs.  Every file finds the others by
# $ORIGIN, so the folder works wherever it is unpacked, on x86-64 Linux with glibc 2.36 or later:
#
#   tar -xf crmpi-bundle.tar.xz && crmpi-bundle/bin/run crmpi info
#   crmpi-bundle/bin/mpirun -n 2 crmpi train ...
#   crmpi-bundle/bin/run tests/gpu.sh
#
# Needs patchelf, readelf, gcc, xz.
set -euo pipefail
trap 'echo "bundle: failed at line $LINENO" >&2' ERR

[ $# = 2 ] || {
    sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}
for tool in patchelf readelf gcc xz; do
    command -v "$tool" >/dev/null || {
        echo "bundle: $tool is not installed (apt-get install patchelf binutils gcc xz-utils)" >&2
        exit 1
    }
done
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$(cd "$1" && pwd -P)
mkdir -p "$(dirname "$2")"
out=$(cd "$(dirname "$2")" && pwd -P)/$(basename "$2")
arch=$(gcc -print-multiarch)
system=/usr/lib/$arch
components=lib/$arch/openmpi/lib/openmpi3 # where Debian's Open MPI looks below its prefix

case "$out" in
*/crmpi-bundle*) rm -rf "$out" ;; # never another folder
*)
    echo "bundle: OUT must be named crmpi-bundle..., not $out" >&2
    exit 2
    ;;
esac
mkdir -p "$out"/{bin,lib/fallback,"$components",lib/pmix,share/openmpi,share/pmix,etc,tests,bench,configs}

# ---- 1. what to take ----
cp -L "$build/crmpi" "$out/bin/"
if [ -f "$build/crmpi_cuda.so" ]; then
    cp -L "$build/crmpi_cuda.so" "$out/bin/"
elif grep -q '^CRM_CUDA:STRING=on' "$build/CMakeCache.txt" 2>/dev/null; then
    echo "bundle: $build/crmpi_cuda.so is missing" >&2
    exit 1
fi
cp -L "$(command -v orterun)" "$out/bin/orterun"
cp -L "$(command -v orted)" "$out/bin/orted.real"
for t in "$build"/tests/test_device_* "$build"/tests/test_comm_comm_device "$build"/tests/test_comm_comm_device_lost; do
    [ ! -x "$t" ] || cp -L "$t" "$out/tests/"
done
for b in bench_reference_data bench_gpu_ops bench_parity; do
    cp -L "$build/bench/$b" "$out/bench/"
done
cp "$source"/tests/gpu.sh "$out/tests/"
cp "$source"/bench/gpu.sh "$source"/bench/*.py "$out/bench/"
cp "$source"/configs/*.yaml "$out/configs/"
# Components of Open MPI: all but those of fabrics, of OpenSHMEM and of foreign resource managers, which drag in libraries.
for f in "$system"/openmpi/lib/openmpi3/mca_*.so; do
    case ${f##*/} in
    *_ucx.so | *_ofi.so | *_openib.so | mca_mtl_* | mca_pml_cm.so | *monitoring* | mca_spml_* | mca_sshmem_* | \
        mca_memheap_* | mca_scoll_* | mca_atomic_* | mca_reachable_netlink.so | mca_*_flux.so | mca_schizo_jsm.so | \
        mca_ras_gridengine.so | mca_ras_simulator.so | mca_vprotocol_* | mca_crs_*) ;;
    *) cp -L "$f" "$out/$components/" ;;
    esac
done
cp -L "$system"/pmix2/lib/pmix/*.so "$out/lib/pmix/"
cp "$system"/pmix2/share/pmix/help-*.txt "$out/share/pmix/"
find /usr/share/openmpi -name 'help-*.txt' ! -name '*ofi*' ! -name '*openib*' ! -name '*verbs*' ! -name '*psm*' \
    ! -name '*ucx*' -exec cp {} "$out/share/openmpi/" \;
: >"$out/etc/openmpi-mca-params.conf"
: >"$out/etc/pmix-mca-params.conf"
: >"$out/etc/openmpi-default-hostfile"

# ---- 2. stand-ins for libcurl and libcrypto ----
# HDF5's driver for S3, which nothing here opens, needs them and they need 40 more.  The names are the bundle's own.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
{
    echo '#include <stddef.h>'
    for f in curl_easy_cleanup curl_easy_init curl_global_cleanup curl_slist_append curl_slist_free_all; do
        echo "void *$f(void) { return NULL; }"
    done
    for f in curl_easy_perform curl_easy_setopt curl_global_init; do
        echo "int $f(void) { return 2; }" # failed to initialise
    done
} >"$scratch/curl.c"
{
    echo '#include <stddef.h>'
    for f in EVP_sha256 HMAC SHA256; do
        echo "void *$f(void) { return NULL; }"
    done
} >"$scratch/crypto.c"
echo 'CURL_OPENSSL_4 { global: curl_*; local: *; };' >"$scratch/curl.map"
echo 'OPENSSL_3.0.0 { global: *; };' >"$scratch/crypto.map"
for lib in curl crypto; do
    gcc -shared -fPIC -O2 -s -Wl,-soname,"libno-$lib.so.0" -Wl,--version-script="$scratch/$lib.map" \
        -o "$out/lib/libno-$lib.so.0" "$scratch/$lib.c"
done

# ---- 3. all libraries that these need ----
glibc='^(ld-linux-x86-64|libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil|libanl|libnsl|libthread_db|libnss_.*)\.so'
cuda='^lib(cuda|cudart|cublas|cublasLt|cudnn.*|nccl|nvrtc|nvJitLink|nvidia-ml)\.so'
fallback='^lib(stdc\+\+|gcc_s)\.so' # used only where the machine has none
stand_in='^lib(curl|crypto)\.so'

needed() {
    readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}
is_elf() {
    [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' \n')" = 7f454c46 ]
}
find_library() { # SONAME
    local d
    for d in "$system" "/lib/$arch" "$system/pmix2/lib"; do
        [ ! -e "$d/$1" ] || {
            echo "$d/$1"
            return
        }
    done
    /sbin/ldconfig -p | sed -n "s|^[[:space:]]*$1 (.*x86-64.*) => ||p" | head -n 1
}

mapfile -t todo < <(find "$out" -type f)
while [ ${#todo[@]} != 0 ]; do
    next=()
    for f in "${todo[@]}"; do
        is_elf "$f" || continue
        while IFS= read -r name; do
            [[ ! $name =~ $glibc && ! $name =~ $cuda && ! $name =~ $stand_in ]] || continue
            to=$out/lib/$name
            [[ ! $name =~ $fallback ]] || to=$out/lib/fallback/$name
            [ ! -e "$to" ] || continue
            from=$(find_library "$name")
            [ -n "$from" ] || {
                echo "bundle: $name, which $f needs, was not found" >&2
                exit 1
            }
            cp -L "$from" "$to"
            next+=("$to")
        done < <(needed "$f")
    done
    todo=("${next[@]}")
done

# Licences of what is passed on, as Debian has them.
mkdir -p "$out/licences"
cp "$source/LICENSE" "$out/licences/crmpi"
while IFS= read -r f; do
    is_elf "$f" || continue
    name=$(basename "$f")
    [[ ! $name =~ ^libno- ]] || continue
    owner=$(dpkg-query -S "*/$name" 2>/dev/null | head -n 1 | cut -d : -f 1 || true)
    [ -z "$owner" ] || [ ! -f "/usr/share/doc/$owner/copyright" ] || cp -L "/usr/share/doc/$owner/copyright" "$out/licences/$owner"
done < <(find "$out/lib" "$out/bin" -type f)

# ---- 4. search paths: relative ones only, and stronger than LD_LIBRARY_PATH ----
chmod -R u+w "$out"
while IFS= read -r f; do
    is_elf "$f" || continue
    case "$f" in
    "$out/lib/fallback/"*) continue ;;
    "$out/bin/"* | "$out/tests/"* | "$out/bench/"*) path="\$ORIGIN/../lib" ;;
    "$out/$components/"*) path="\$ORIGIN/../../../.." ;;
    "$out/lib/pmix/"*) path="\$ORIGIN/.." ;;
    *) path="\$ORIGIN" ;;
    esac
    for lib in curl crypto; do
        while IFS= read -r name; do
            [[ ! $name =~ ^lib$lib\.so ]] || patchelf --replace-needed "$name" "libno-$lib.so.0" "$f"
        done < <(needed "$f")
    done
    patchelf --remove-rpath "$f"
    patchelf --force-rpath --set-rpath "$path" "$f"
done < <(find "$out" -type f)

# ---- 5. start scripts ----
cp "$source/cmake/bundle_env.sh" "$out/env.sh"
start() { # NAME COMMAND
    cat >"$out/bin/$1" <<SCRIPT
#!/bin/sh
CRM_BUNDLE=\$(cd "\$(dirname "\$(readlink -f "\$0")")/.." && pwd -P)
. "\$CRM_BUNDLE/env.sh"
exec $2
SCRIPT
    chmod 755 "$out/bin/$1"
}
# run NAME ...: a program of the bundle by its path in it (tests/gpu.sh), else by PATH
# shellcheck disable=SC2016
start run 'sh -c '\''f=$1; shift; [ ! -x "$CRM_BUNDLE/$f" ] || f=$CRM_BUNDLE/$f; exec "$f" "$@"'\'' run "$@"'
# shellcheck disable=SC2016
start mpirun '"$CRM_BUNDLE/bin/orterun" "$@"'
# shellcheck disable=SC2016
start orted '"$CRM_BUNDLE/bin/orted.real" "$@"'
chmod -R a+rX "$out"

# ---- 6. is it whole? ----
bad=0
while IFS= read -r f; do
    is_elf "$f" || continue
    while IFS= read -r name; do
        [[ ! $name =~ $glibc && ! $name =~ $cuda ]] || continue
        [ -e "$out/lib/$name" ] || [ -e "$out/lib/fallback/$name" ] || {
            echo "bundle: $name is missing, $f needs it" >&2
            bad=1
        }
    done < <(needed "$f")
    ! readelf -d "$f" | grep -qE 'R(UN)?PATH.*\[/' || {
        echo "bundle: $f looks for libraries in a folder of this machine" >&2
        bad=1
    }
done < <(find "$out" -type f)
[ $bad = 0 ]
glibc_needed=$(
    find "$out" -type f ! -path '*/fallback/*' | while IFS= read -r f; do
        ! is_elf "$f" || readelf -V "$f"
    done | grep -o 'GLIBC_2\.[0-9]*' | sort -Vu | tail -n 1
)
{
    echo "version  $("$build/crmpi" --version 2>/dev/null || true)"
    echo "commit   $(git -C "$source" rev-parse --short HEAD 2>/dev/null || echo unknown)"
    echo "glibc    ${glibc_needed#GLIBC_} or later"
    echo "cuda     $([ -f "$out/bin/crmpi_cuda.so" ] && echo "crmpi_cuda.so" || echo "no module")"
} >"$out/MANIFEST"

tar -C "$(dirname "$out")" --sort=name --owner=0 --group=0 --numeric-owner --mtime='2020-01-01 UTC' \
    -cf - "$(basename "$out")" | xz -6 -T0 >"$out.tar.xz"
cat "$out/MANIFEST"
echo "archive  $out.tar.xz, $(stat -c %s "$out.tar.xz" | awk '{printf "%.1f MB", $1 / 1e6}')"
