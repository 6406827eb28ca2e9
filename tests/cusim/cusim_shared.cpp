/* cusim_shared.cpp - shared memory of the running block, and copies into it that arrive late.
 *
 * One arena: first the dynamic bytes, then the arrays of CRM_SHARED as the threads meet them, a red
 * zone between each. New memory holds NaN. */
#include "cusim_sanitizers.h"

namespace cusim
{
enum {
    ARENA_BYTES = 240 << 10,
    LIMIT_BYTES = 227 << 10, /* of a block, where the kernel opted in */
    STATIC_BYTES = 48 << 10, /* of CRM_SHARED, which nvcc checks */
    RED_ZONE_BYTES = 32,
    MAX_OBJECTS = 32
};

static struct {
    char *base;
    size_t used, dynamic_bytes, static_bytes;
    int objects;
    struct {
        const void *key;
        char *address;
    } object[MAX_OBJECTS];
} arena;
static fresh_memory arena_memory;

void shared_start(size_t dynamic_bytes)
{
    arena.base = fresh_take(arena_memory, ARENA_BYTES);
    asan_hide(arena.base, ARENA_BYTES);
    asan_show(arena.base, dynamic_bytes);
    fill_nan(arena.base, dynamic_bytes);
    arena.used = arena.dynamic_bytes = dynamic_bytes;
    arena.static_bytes = 0;
    arena.objects = 0;
}

void shared_end()
{
    if (with_tsan) {
        fresh_used(arena_memory, arena.used);
    }
}

void *shared_dynamic()
{
    if (arena.dynamic_bytes == 0) {
        fatal("kernel %s uses CRM_DYN_SHARED but was launched with 0 bytes of it", block.call.name);
    }
    return arena.base;
}

static char *carve(size_t bytes, size_t align)
{
    size_t at = (arena.used + RED_ZONE_BYTES + align - 1) / align * align;
    arena.static_bytes += bytes;
    if (arena.static_bytes > STATIC_BYTES ||
        arena.static_bytes + arena.dynamic_bytes > LIMIT_BYTES || at + bytes > ARENA_BYTES) {
        fatal("kernel %s: %zu static and %zu dynamic bytes of shared memory, the limits are %d "
              "static and %d together",
              block.call.name, arena.static_bytes, arena.dynamic_bytes, STATIC_BYTES, LIMIT_BYTES);
    }
    arena.used = at + bytes;
    asan_show(arena.base + at, bytes);
    fill_nan(arena.base + at, bytes);
    return arena.base + at;
}

void *shared_object(const void *key, size_t bytes, size_t align)
{
    for (int i = 0; i < arena.objects; i++) {
        if (arena.object[i].key == key) {
            return arena.object[i].address;
        }
    }
    if (arena.objects == MAX_OBJECTS) {
        fatal("kernel %s: more than %d shared arrays", block.call.name, MAX_OBJECTS);
    }
    auto &o = arena.object[arena.objects++];
    o = {key, carve(bytes, align)};
    return o.address;
}

static copy_queue &my_copies()
{
    static copy_queue queues[MAX_THREADS];
    cuda_thread *t = running();
    if (!t->queue) {
        t->queue = &queues[t->index];
        t->queue->first = t->queue->copies = t->queue->groups = 0;
    }
    return *t->queue;
}

void copy_start(void *to, const void *from)
{
    copy_queue &q = my_copies();
    if (reinterpret_cast<uintptr_t>(to) % 16 || reinterpret_cast<uintptr_t>(from) % 16) {
        fatal("cp.async: an address is not a multiple of 16");
    }
    if (q.copies == MAX_COPIES) {
        fatal("cp.async: more than %d copies under way in a thread", MAX_COPIES);
    }
    q.copy[(q.first + q.copies++) % MAX_COPIES] = {to, from};
}

void copy_commit()
{
    copy_queue &q = my_copies();
    if (q.groups == MAX_COPY_GROUPS) {
        fatal("cp.async: more than %d groups under way in a thread", MAX_COPY_GROUPS);
    }
    q.ends[q.groups++] = q.copies;
}

/* Drops the groups that a wait completes; returns how many copies the caller must take and do. */
int copy_due(int groups_left)
{
    copy_queue &q = my_copies();
    int done = q.groups - groups_left;
    if (done <= 0) {
        return 0;
    }
    int due = q.ends[done - 1];
    for (int g = done; g < q.groups; g++) {
        q.ends[g - done] = q.ends[g] - due;
    }
    q.groups -= done;
    return due;
}

pending_copy copy_take()
{
    copy_queue &q = my_copies();
    pending_copy oldest = q.copy[q.first];
    q.first = (q.first + 1) % MAX_COPIES;
    q.copies--;
    return oldest;
}
} // namespace cusim
