"""Files made to do harm, for test_hostile.c, which runs this: python3 hostile.py FOLDER.

Each is the good file FOLDER/good.h5 of the room store with one thing changed by h5py, which cuts the seal off; the places of its
arrays go to NAME.spans, so that a good seal can be put behind it.  Files of other programs begin with "plain-"."""
import shutil
import sys

import h5py
import numpy as np

folder = sys.argv[1]


def external(f):
    f.create_dataset("zz", (4,), "<f4", external=[("/etc/passwd", 0, 16)])


def virtual(f):
    layout = h5py.VirtualLayout((4,), "<f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,), "<f4")
    f.create_virtual_dataset("zz", layout)


def soft_link(f):
    f["zz"] = h5py.SoftLink("/a")


def external_link(f):
    f["zz"] = h5py.ExternalLink("/etc/passwd", "/")


def second_name(f):
    f["zz"] = f["a"]


def cycle(f):
    f["g"]["zz"] = f["/"]


def chunked(f):
    f.create_dataset("zz", data=np.zeros(4, "<f4"), chunks=(2,))


def filtered(f):
    f.create_dataset("zz", data=np.zeros(4, "<f4"), chunks=(2,), compression="gzip")


def plugin(f):
    f.create_dataset("zz", data=np.zeros(4, "<f4"), chunks=(2,), compression="lzf")


def compact(f):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"zz", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4,)), plist)


def half(f):
    f.create_dataset("zz", data=np.zeros(4, "<f2"))


def big_endian(f):
    f.create_dataset("zz", data=np.zeros(4, ">f4"))


def compound(f):
    f.create_dataset("zz", data=np.zeros(4, [("x", "<f4")]))


def references(f):
    f.create_dataset("zz", data=np.array([f.ref], dtype=h5py.ref_dtype))


def long_texts(f):
    f.create_dataset("zz", data=["a", "bc"], dtype=h5py.string_dtype())


def named_type(f):
    f["zz"] = np.dtype("<f4")


def no_shape(f):
    f["zz"] = h5py.Empty("<f4")


def six_dimensions(f):
    f.create_dataset("zz", data=np.zeros((1,) * 6, "<f4"))


def texts_in_two_dimensions(f):
    f.create_dataset("zz", data=np.zeros((2, 2), "S3"))


def endless(f):
    f.create_dataset("zz", (0, 2**61), "<f4")


def never_written(f):
    f.create_dataset("zz", (4,), "<f4")


def bad_name(f):
    f.create_group("z\tz")["x"] = np.zeros(4, "<f4")


def bad_key(f):
    f["a"].attrs["z\nz"] = np.int64(1)


def attribute_type(f):
    f["a"].attrs["zz"] = np.int16(1)


def attribute_shape(f):
    f["a"].attrs["zz"] = np.zeros(3)


def attribute_of_bytes(f):
    f["g"].attrs["zz"] = np.bytes_("abc")


def no_kind(f):
    del f.attrs["crmpi_kind"]


def kind_is_number(f):
    f.attrs["crmpi_kind"] = np.int64(1)


def no_digest(f):
    del f.attrs["crmpi_digest"]


def digest_is_word(f):
    f.attrs["crmpi_digest"] = "0123"


def newer(f):
    f.attrs["crmpi_format"] = np.int64(2)


def nothing(f):
    pass


def many_attributes(f):
    for i in range(40000):
        f["g"].attrs["k%d" % i] = np.int64(i)


def one_text_many_times(f):
    """300 items; point_at_one makes all of them the first, of 1,000 bytes."""
    f.create_group("zz").attrs["zz"] = np.array(["A" * 1000] + ["%03d" % i for i in range(299)], dtype=h5py.string_dtype())


def lookup3(data):
    """The checksum of HDF5's metadata: hashlittle of Bob Jenkins' lookup3.c, initial value 0."""
    m = 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + len(data)) & m
    padded = data + b"\0" * (-len(data) % 12)

    def rot(x, k):
        return (x << k | x >> (32 - k)) & m

    for i in range(0, len(padded), 12):
        a, b, c = ((v + int.from_bytes(padded[i + k:i + k + 4], "little")) & m for v, k in ((a, 0), (b, 4), (c, 8)))
        if i + 12 < len(padded):
            for k in (4, 6, 8, 16, 19, 4):
                a, b, c = b, (c + b) & m, (a - c) & m ^ rot(c, k)
    for k in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, (c ^ b) - rot(b, k) & m, a
    return b


def point_at_one(path):
    """An item is length (4 bytes), address of the heap (8), number in it (4).  The list lies in a block of the object's header,
    whose checksum is at its end."""
    data = bytearray(open(path, "rb").read())
    n, first = 16 * 300, data.find(b"\xe8\x03\0\0")
    while first >= 0 and not (data[first + 16] == data[first + 32] == 3):
        first = data.find(b"\xe8\x03\0\0", first + 1)
    block = max(data.rfind(b"OHDR", 0, first), data.rfind(b"OCHK", 0, first))
    end = next(e for e in range(first + n, first + n + 256)
               if int.from_bytes(data[e:e + 4], "little") == lookup3(data[block:e]))
    data[first:first + n] = data[first:first + 16] * 300
    data[end:end + 4] = lookup3(data[block:end]).to_bytes(4, "little")
    open(path, "wb").write(data)


OURS = [external, virtual, soft_link, external_link, second_name, cycle, chunked, filtered, plugin, compact, half, big_endian,
        compound, references, long_texts, named_type, no_shape, six_dimensions, texts_in_two_dimensions, endless,
        never_written, bad_name, bad_key, attribute_type, attribute_shape, attribute_of_bytes, no_kind, kind_is_number, no_digest,
        digest_is_word, newer, nothing, many_attributes, one_text_many_times]


def spans(path):
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None and item.id.get_storage_size() > 0:
            found.append((item.id.get_offset(), item.id.get_storage_size()))

    with h5py.File(path, "r") as f:
        f.visititems(visit)
    return sorted(set(found))


for make in OURS:
    path = "%s/%s.h5" % (folder, make.__name__)
    shutil.copyfile(folder + "/good.h5", path)
    with h5py.File(path, "r+") as f:
        make(f)
    if make is one_text_many_times:
        point_at_one(path)
    with open(path + ".spans", "w") as out:
        for at, size in spans(path):
            out.write("%d %d\n" % (at, size))

x = np.arange(64, dtype="<f4")
for name, options in [("gzip", dict(compression="gzip", shuffle=True, fletcher32=True)), ("lzf", dict(compression="lzf")),
                      ("scaleoffset", dict(scaleoffset=3))]:
    with h5py.File("%s/plain-%s.h5" % (folder, name), "w") as f:
        f.create_dataset("w", data=x, chunks=(16,), **options)
