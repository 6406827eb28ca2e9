/* cusim_engine.cpp - runs the threads of a block until all have ended: barriers, collectives,
 * deadlocks.
 *
 * A thread runs until it must wait. Barriers and collectives are resolved by the last thread to
 * arrive, who then lays all of them back into the ring of ready threads. A thread that never waits
 * runs on the stack of the one before it. */
#include "cusim_sanitizers.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace cusim
{
coords *self;
block_state block;

void fatal(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("cusim: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (self) {
        fprintf(stderr, " [block %u,%u,%u thread %u,%u,%u]", self->block.x, self->block.y,
                self->block.z, self->thread.x, self->thread.y, self->thread.z);
    }
    fputc('\n', stderr);
    abort();
}

cuda_thread *running()
{
    if (!self) {
        fatal("a function of kernels was called outside a kernel");
    }
    return static_cast<cuda_thread *>(self);
}

lane_slot &my_slot()
{
    return running()->slot;
}

/* ---- the ring of ready threads ---- */
static void push_ready(const int *threads, int n)
{
    for (int i = 0; i < n; i++) {
        int at = block.ready_head + block.ready_count++;
        block.ready[at >= block.n ? at - block.n : at] = threads[i];
    }
}

static int pop_ready()
{
    int i = block.ready[block.ready_head];
    block.ready_head = block.ready_head + 1 == block.n ? 0 : block.ready_head + 1;
    block.ready_count--;
    return i;
}

static void make_ready(int *threads, int n)
{
    for (int i = 0; i < n; i++) {
        block.threads[threads[i]].state = READY;
    }
    permute(threads, static_cast<size_t>(n));
    push_ready(threads, n);
}

/* ---- barriers ---- */
static bool same_site(site a, site b)
{
    return a.line == b.line && (a.file == b.file || !strcmp(a.file, b.file));
}

/* All live threads wait at a barrier: it must be the same one. */
static void release_barrier()
{
    int *waiting = block.scratch.data(), n = 0, votes = 0;
    for (int i = 0; i < block.n; i++) {
        const cuda_thread &t = block.threads[i];
        if (t.state != AT_BARRIER) {
            continue;
        }
        const cuda_thread &first = block.threads[n ? waiting[0] : i];
        if (!same_site(t.where, first.where)) {
            fatal("kernel %s: divergent __syncthreads: thread %d waits at line %d, thread %d at "
                  "line %d",
                  block.call.name, first.index, first.where.line, i, t.where.line);
        }
        votes += t.predicate;
        waiting[n++] = i;
    }
    block.result = block.kind == BARRIER_COUNT ? votes
                   : block.kind == BARRIER_AND ? votes == n
                                               : votes > 0;
    block.waiting = 0;
    block.generation ^= 1;
    make_ready(waiting, n);
}

/* ---- collectives of a warp ---- */

/* Counts the lanes of t's mask into lanes[]; -1 while one of them has not arrived. */
static int arrived_lanes(const cuda_thread &t, int *lanes)
{
    static const bool lax = getenv("CUSIM_LAX") != nullptr;
    int first = t.index & ~31, n = 0;
    for (int lane = 0; lane < 32; lane++) {
        if (!(t.mask >> lane & 1)) {
            continue;
        }
        int i = first + lane;
        const cuda_thread *other = i < block.n ? &block.threads[i] : nullptr;
        if (!other || other->state == EXITED) {
            if (!lax) {
                fatal("kernel %s: line %d names thread %d in mask %08x, which %s (CUSIM_LAX=1 "
                      "allows it)",
                      block.call.name, t.where.line, i, t.mask,
                      other ? "has ended" : "the block does not have");
            }
            continue;
        }
        if (other->state != AT_COLLECTIVE) {
            return -1;
        }
        if (other->resolve != t.resolve || other->mask != t.mask ||
            !same_site(other->where, t.where)) {
            fatal("kernel %s: lanes disagree: thread %d is at line %d with mask %08x, thread %d at "
                  "line %d with mask %08x",
                  block.call.name, t.index, t.where.line, t.mask, i, other->where.line,
                  other->mask);
        }
        lanes[n++] = i;
    }
    return n;
}

/* Saves asking each lane at every arrival: a lane of the mask is still on its way. Lanes that
 * disagree are found when all have come, or when no thread can go on. */
static bool more_to_come(const cuda_thread &t)
{
    const warp_state &w = block.warp[t.index / 32];
    return t.mask & ~w.waiting & ~w.gone;
}

static void resolve_collective(const cuda_thread &t)
{
    int lanes[32], n = arrived_lanes(t, lanes);
    if (n < 0) {
        return;
    }
    warp_view view = {};
    for (int k = 0; k < n; k++) {
        int lane = lanes[k] & 31;
        view.lane[lane] = &block.threads[lanes[k]].slot;
        view.lanes |= 1u << lane;
    }
    t.resolve(view);
    if (t.ordered) {
        for (int k = 0; k < n; k++) {
            tsan_acquire(&block.threads[lanes[k]].tsan_in);
        }
        for (int k = 0; k < n; k++) {
            tsan_release(&block.threads[lanes[k]].tsan_out);
        }
    }
    for (int k = 0; k < n; k++) {
        block.warp[t.index / 32].waiting &= ~(1u << (lanes[k] & 31));
    }
    make_ready(lanes, n);
}

/* ---- choosing who runs ---- */
static void die_of_deadlock()
{
    static const char *const what[] = {"?", "?", "__syncthreads", "a warp collective", "?"};
    fprintf(stderr, "cusim: kernel %s: %d threads wait for each other:\n", block.call.name,
            block.live);
    for (int i = 0, lines = 0; i < block.n && lines < 12; i++) {
        const cuda_thread &t = block.threads[i];
        if (t.state == EXITED) {
            continue;
        }
        int end = i + 1;
        while (end < block.n && block.threads[end].state == t.state &&
               block.threads[end].where.line == t.where.line && block.threads[end].mask == t.mask) {
            end++;
        }
        fprintf(stderr, "  threads %d..%d at %s, %s:%d, mask %08x\n", i, end - 1, what[t.state],
                t.where.file, t.where.line, t.mask);
        i = end - 1;
        lines++;
    }
    self = nullptr;
    fatal("deadlock");
}

/* The next thread to run, -1 when all have ended. */
static int next_thread()
{
    if (!block.ready_count) {
        if (!block.live) {
            return -1;
        }
        if (block.waiting == block.live) {
            release_barrier();
        }
        for (int i = 0; i < block.n && !block.ready_count; i++) { /* a lane that has ended counts */
            if (block.threads[i].state == AT_COLLECTIVE) {
                resolve_collective(block.threads[i]);
            }
        }
        if (!block.ready_count) {
            die_of_deadlock();
        }
    }
    return pop_ready();
}

static void leave()
{
    int next = next_thread();
    if (next < 0) {
        fibre_switch(host_fibre());
        return;
    }
    cuda_thread &t = block.threads[next];
    if (!t.on) {
        t.on = fibre_take(&t);
    }
    fibre_switch(t.on);
}

int barrier(site where, barrier_kind kind, bool predicate)
{
    cuda_thread *t = running();
    t->state = AT_BARRIER;
    t->where = where;
    t->predicate = predicate;
    t->mask = 0;
    block.kind = kind;
    block.waiting++;
    char *edge = block.tsan_barrier + block.generation;
    tsan_release(edge);
    leave();
    tsan_acquire(edge);
    return block.result;
}

void collective(site where, unsigned mask, resolver resolve, bool orders_memory)
{
    cuda_thread *t = running();
    if (!(mask >> (t->index & 31) & 1)) {
        fatal("%s:%d: lane %d is not in its own mask %08x", where.file, where.line, t->index & 31,
              mask);
    }
    t->state = AT_COLLECTIVE;
    t->where = where;
    t->mask = mask;
    t->resolve = resolve;
    t->ordered = orders_memory;
    if (orders_memory) {
        tsan_release(&t->tsan_in);
    }
    block.warp[t->index / 32].waiting |= 1u << (t->index & 31);
    if (!more_to_come(*t)) {
        resolve_collective(*t);
    }
    leave();
    if (orders_memory) {
        tsan_acquire(&t->tsan_out);
    }
}

void fence()
{
    static char edge;
    tsan_acquire(&edge);
    tsan_release(&edge);
}

void maybe_switch()
{
    if (self && random_pause()) {
        push_ready(&running()->index, 1);
        leave();
    }
}

/* ---- a thread's life ---- */
static void run_to_end()
{
    cuda_thread *t = running();
    t->state = READY;
    tsan_acquire(block.tsan_begin);
    block.call.run(block.call.arguments);
    t->state = EXITED;
    block.warp[t->index / 32].gone |= 1u << (t->index & 31);
    block.live--;
    tsan_release(block.tsan_end);
}

/* What every fibre does, for one CUDA thread after another. */
void thread_main()
{
    for (;;) {
        run_to_end();
        if (with_tsan) {
            leave();
            continue;
        }
        fibre *mine = static_cast<cuda_thread *>(self)->on;
        int next = next_thread();
        cuda_thread *t = next < 0 ? nullptr : &block.threads[next];
        if (t && !t->on) { /* go on with a fresh thread on this stack */
            t->on = mine;
            mine->thread = t;
            self = t;
            continue;
        }
        fibre_return(mine);
        fibre_switch(t ? t->on : host_fibre());
    }
}

/* ---- blocks and grids ---- */
static void start_threads(uint3 where, const launch_shape &shape)
{
    dim3 d = shape.block;
    for (int w = 0; w * 32 < block.n; w++) {
        int lanes = std::min(block.n - w * 32, 32);
        block.warp[w] = {0, lanes == 32 ? 0 : ~0u << lanes};
    }
    for (int i = 0; i < block.n; i++) {
        unsigned u = static_cast<unsigned>(i);
        cuda_thread &t = block.threads[i];
        t.thread = {u % d.x, u / d.x % d.y, u / (d.x * d.y)};
        t.block = where;
        t.block_dim = d;
        t.grid_dim = shape.grid;
        t.index = i;
        t.state = FRESH;
        t.on = nullptr;
        t.queue = nullptr;
        block.scratch[i] = i;
    }
    block.live = block.n;
    block.waiting = block.generation = 0;
    block.ready_head = block.ready_count = 0;
    permute(block.scratch.data(), block.scratch.size());
    push_ready(block.scratch.data(), block.n);
}

/* Copies that nobody waited for are a bug of the kernel: on the GPU they may land in the next
 * block's memory. */
static void check_copies()
{
    for (int i = 0; i < block.n; i++) {
        const copy_queue *q = block.threads[i].queue;
        if (q && q->copies) {
            fatal("kernel %s: thread %d ended with %d cp.async copies not waited for",
                  block.call.name, i, q->copies);
        }
    }
}

static void run_block(uint3 where, const launch_shape &shape)
{
    shared_start(shape.shared_bytes);
    start_threads(where, shape);
    fibres_prepare(block.n);
    tsan_release(block.tsan_begin); /* the host knows of no other block of this launch */
    leave();
    self = nullptr;
    check_copies();
    shared_end();
}

/* Kept from launch to launch; under ThreadSanitizer new memory for each block, which has no
 * history. */
static void threads_map(int n)
{
    enum { MOST_BYTES = MAX_THREADS * sizeof(cuda_thread) + 64 };
    static fresh_memory memory;
    size_t bytes = static_cast<size_t>(n) * sizeof(cuda_thread);
    char *p = fresh_take(memory, MOST_BYTES);
    block.n = n;
    block.threads = reinterpret_cast<cuda_thread *>(p);
    block.tsan_barrier = p + bytes;
    if (with_tsan) {
        fresh_used(memory, bytes + 64);
    }
}

void run_grid(const launch_shape &shape, const kernel_call &call)
{
    static char begin_edge, end_edge;
    dim3 g = shape.grid;
    std::vector<int> blocks(static_cast<size_t>(g.x) * g.y * g.z);
    for (size_t i = 0; i < blocks.size(); i++) {
        blocks[i] = static_cast<int>(i);
    }
    order_start();
    permute(blocks.data(), blocks.size());
    int n = static_cast<int>(shape.block.x * shape.block.y * shape.block.z);
    block.call = call;
    block.tsan_begin = &begin_edge;
    block.tsan_end = &end_edge;
    block.ready.resize(static_cast<size_t>(n));
    block.scratch.resize(static_cast<size_t>(n));
    fibres_start();
    for (size_t i = 0; i < blocks.size(); i++) {
        threads_map(n);
        unsigned k = static_cast<unsigned>(blocks[i]);
        run_block({k % g.x, k / g.x % g.y, k / (g.x * g.y)}, shape);
    }
    tsan_acquire(&end_edge);
}
} // namespace cusim
