"""A file with named dimensions in the hands of h5py, h5netcdf and xarray: dims, values, texts.

The file is written by the program of test_xarray.c; what is expected here stands in its table SHELF.
A reader that cannot be imported is skipped.  timeout: 120
"""
import os
import subprocess
import sys
import tempfile
import warnings

SOURCE = os.environ.get("CRM_SOURCE_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BUILD = os.environ.get("CRM_BUILD_DIR") or os.path.join(SOURCE, "build/release")
PROGRAM = os.path.join(BUILD, "tests/test_store_xarray")

# Array: shape, names for netCDF (a name with two sizes in one group has the size behind it), labels when other.
ARRAYS = {
    "profile/num": ((12, 3), ("row", "column_3"), ("row", "column")),
    "profile/cat": ((12, 2), ("row", "column_2"), ("row", "column")),
    "monthly/value": ((12, 2, 6), ("row", "channel", "month"), None),
    "events/first": ((13,), ("row_offset",), None),
    "events/time": ((30,), ("event",), None),
    "target/churn/label": ((12,), ("row",), None),
    "target/churn/oracle": ((12, 2), ("row", "class"), None),
    "target/segment/oracle": ((12, 3), ("row", "class"), None),
    "result/repeat": ((4,), ("repeat",), None),
    "result/score": ((4, 12, 5), ("repeat", "row", "words"), None),
    "pair/square": ((4, 4), ("item", "item"), None),
    "pair/none": ((0,), ("nothing",), None),
    "pair/plain": ((), (), None),
}
WORDS = ["a", "b", "\u20ac", "d", "e"]
GROUPS = ["profile", "profile/levels", "monthly", "events", "target/churn", "target/segment", "result"]


def want(n):
    """Values of an array of n elements, as store_sample.h sets them."""
    return [(37 * i + 11) % 251 for i in range(n)]


def check(ok, what):
    if not ok:
        raise AssertionError(what)


def with_h5py(path):
    import h5py

    with h5py.File(path, "r") as f:
        for name, (shape, dims, labels) in ARRAYS.items():
            a = f[name]
            check(a.shape == shape and a[...].ravel().tolist() == want(a.size), name)
            check(tuple(d.label for d in a.dims) == (labels or dims), name + ": labels")
            if h5py.h5ds.is_scale(a.id):
                check(name == "result/repeat", name + ": is a scale")
                continue
            for d, dim, size in zip(a.dims, dims, shape):
                check(len(d) == 1 and h5py.h5ds.is_scale(d[0].id), name + ": one scale for " + dim)
                check(d[0].name.split("/")[-1] == dim and d[0].shape == (size,), name + ": scale of " + dim)
        check(f["profile/num"].dims[0][0] == f["monthly/value"].dims[0][0], "one scale in two groups")
        check(f["result/score"].dims[0][0] == f["result/repeat"], "an array is the scale of its name")
        check(f["result/score"].dims[2][0] == f["result/words"], "texts are the scale of their name")
        check(list(f["profile/num"].attrs["columns"]) == WORDS[:3], "a list of texts")


def with_h5netcdf(path):
    import h5netcdf

    with h5netcdf.File(path, "r") as f:
        for name, (shape, dims, _) in ARRAYS.items():
            v = f[name]
            check(v.dimensions == dims and v.shape == shape, "%s: %s" % (name, v.dimensions))
        check(dict(f.dimensions).keys() == {"row"}, "dimensions of the root")
        check(f["result"].dimensions["repeat"].size == 4, "size of a dimension")
        check("row" not in f.variables, "a bare dimension is no variable")


def with_xarray(path):
    import h5netcdf  # noqa: F401 (the engine)
    import xarray

    for group in GROUPS:
        with xarray.open_dataset(path, group=group, engine="h5netcdf", decode_times=False) as ds:
            for name, (shape, dims, _) in ARRAYS.items():
                if name.rsplit("/", 1)[0] != group:
                    continue
                v = ds[name.rsplit("/", 1)[1]]
                check(v.dims == dims and v.shape == shape, "%s: %s" % (name, v.dims))
                check(v.values.ravel().tolist() == want(v.size), name + ": values")
    with xarray.open_dataset(path, engine="h5netcdf") as ds:
        check(ds.attrs["crmpi_kind"] == "sample", "the root")
    with xarray.open_dataset(path, group="result", engine="h5netcdf") as ds:
        check(set(ds.coords) == {"repeat", "words"}, "coordinates")
        check([w.decode() for w in ds["words"].values] == WORDS, "texts as a coordinate")
        check(ds["score"].sel(repeat=48).shape == (12, 5), "choice by a coordinate")


def with_netcdf4(path):
    import netCDF4

    with netCDF4.Dataset(path) as f:
        for name, (shape, dims, _) in ARRAYS.items():
            v = f[name]
            check(v.dimensions == dims and v.shape == shape, "%s: %s" % (name, v.dimensions))
        check(f.crmpi_kind == "sample" and set(f.dimensions) == {"row"}, "the root")


def main():
    warnings.simplefilter("error", UserWarning)  # h5netcdf warns where a dimension has no name
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "shelf.h5")
        subprocess.run([PROGRAM, "--write", path], check=True)
        for test in (with_h5py, with_h5netcdf, with_xarray, with_netcdf4):
            name = test.__name__.replace("_", " ")
            try:
                test(path)
                print("ok - " + name)
            except ImportError as e:
                print("ok - %s # SKIP %s" % (name, e))
            except Exception as e:  # one reader that fails leaves the others
                failed = True
                print("not ok - " + name)
                print("#   %s: %s" % (type(e).__name__, e), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
