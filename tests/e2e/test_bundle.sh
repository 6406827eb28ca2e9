#!/bin/bash
# The relocatable bundle: made, unpacked elsewhere under a name with a blank, run with an empty environment, alone and by its
# own mpirun; no library but glibc and the C++ run time (the bundle's is used where a machine has none) comes from this
# machine.  tier: full  timeout: 400  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

for tool in patchelf readelf xz gcc; do
  command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is not installed"; exit 0; }
done
dpkg-query -W libopenmpi3 >/dev/null 2>&1 || { echo "1..0 # SKIP Open MPI is not Debian's"; exit 0; }

check "the bundle is made" "$CRM_SOURCE_DIR/cmake/bundle.sh" "$CRM_BUILD_DIR" "$TMP/crmpi-bundle"
size=$(stat -c %s crmpi-bundle.tar.xz 2>/dev/null || echo 0)
check "it is below 60 MB ($size bytes)" test "$size" -gt 1000000 -a "$size" -lt 60000000
mkdir "a place" && tar -xf crmpi-bundle.tar.xz -C "a place" && rm -rf crmpi-bundle
bundle="$TMP/a place/crmpi-bundle"
bare() { # with nothing of this environment
  env -i PATH=/usr/bin:/bin TMPDIR="$TMP" "$@"
}
check "it runs alone" bash -c '"$@" | grep -q "^crmpi "' _ env -i PATH=/usr/bin:/bin "$bundle/bin/run" crmpi info
check "two ranks generate customers" bare "$bundle/bin/mpirun" -n 2 crmpi synth "$bundle/configs/quickstart.yaml" \
  --set data.path="$TMP/s.h5" --set synth.customers=200
check "two ranks train" bare "$bundle/bin/mpirun" -n 2 crmpi train "$bundle/configs/quickstart.yaml" \
  --set data.path="$TMP/s.h5" --set "eval.models=[hybrid]" --set train.epochs=1 --out "$TMP/r"
foreign=$(bare LD_TRACE_LOADED_OBJECTS=1 "$bundle/bin/crmpi" | sed -n 's/.* => \(\/.*\) (0x.*/\1/p' | grep -v "^$bundle" |
  grep -vE '/(ld-linux|libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil|libstdc\+\+|libgcc_s)[.-]')
if [ -z "$foreign" ]; then ok "only glibc and the C++ run time come from this machine"; else
  not_ok "only glibc and the C++ run time come from this machine" "$foreign"; fi
check "its tests of a GPU say what is here" bash -c '"$@" | tail -n 1 | grep -q " 0 failed"' _ \
  env -i PATH=/usr/bin:/bin TMPDIR="$TMP" "$bundle/bin/run" tests/gpu.sh --quick --only train
check "licences are in it" test -s "$bundle/licences/crmpi" -a -s "$bundle/licences/libopenmpi3"
exit "$failed"
