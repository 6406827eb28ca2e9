/* cusim_engine.h - inside the shim: fibres, the threads of the running block, its shared memory. */
#ifndef CUSIM_ENGINE_H
#define CUSIM_ENGINE_H

#include <cstddef>
#include <vector>

#include "cusim.h"
#include "cusim_mma.h"

/* The macros of a kernel would hide the shim's own names. */
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim
#undef warpSize

#if defined(__SANITIZE_ADDRESS__)
#define CUSIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUSIM_ASAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#error                                                                                             \
    "compile the shim with -DCUSIM_TSAN instead of -fsanitize=thread: only kernels and host code are watched"
#endif

namespace cusim
{
struct cuda_thread;

/* A stack with an execution on it. */
struct fibre {
    void *stack_pointer;
    char *stack;
    size_t stack_bytes;
    void *tsan;       /* ThreadSanitizer's state */
    void *fake_stack; /* AddressSanitizer's */
    cuda_thread *thread;
};

enum thread_state { FRESH, READY, AT_BARRIER, AT_COLLECTIVE, EXITED };

enum { MAX_THREADS = 1024, MAX_COPIES = 64, MAX_COPY_GROUPS = 16 };
/* Copies not yet waited for, a ring that begins at first; ends[g] is how many of them belong to the
 * groups up to g. Nothing is moved: memmove is watched by ThreadSanitizer even here. */
struct copy_queue {
    pending_copy copy[MAX_COPIES];
    int ends[MAX_COPY_GROUPS];
    int first, copies, groups;
};

struct cuda_thread : coords {
    int index;
    thread_state state;
    site where;
    fibre *on;
    lane_slot slot;
    unsigned mask;
    resolver resolve;
    bool ordered, predicate;
    copy_queue *queue;
    char tsan_in, tsan_out; /* addresses of __syncwarp's happens-before edges */
};

/* Lanes of one warp: those that wait at a collective, and those that have ended or never were. */
struct warp_state {
    unsigned waiting, gone;
};

/* The one block that runs. Blocks of all kernels of all host threads run one after another under
 * the shim's lock. */
struct block_state {
    kernel_call call;
    cuda_thread *threads;
    warp_state warp[MAX_THREADS / 32];
    int n, live, waiting;
    barrier_kind kind;
    int result, generation;
    char *tsan_barrier; /* two addresses, used in turn */
    char *tsan_begin;   /* the launch, for every thread */
    char *tsan_end;     /* every thread's end, for the host */
    std::vector<int> ready, scratch;
    int ready_head, ready_count;
};
extern block_state block;
cuda_thread *running();

/* cusim_fibre.cpp */
fibre *host_fibre(); /* where run_block was called */
void fibres_start();
void fibres_prepare(int n);
fibre *fibre_take(cuda_thread *thread);
void fibre_return(fibre *f);
void fibre_switch(fibre *to);
void thread_main(); /* what a new fibre runs: cusim_engine.cpp */

/* cusim_order.cpp: CUSIM_ORDER */
void order_start();
void permute(int *items, size_t n);
bool random_pause();

/* cusim_shared.cpp */
void shared_start(size_t dynamic_bytes);
void shared_end();

void *map_pages(size_t bytes);
void unmap_pages(void *pages, size_t bytes);
/* Memory that ThreadSanitizer has not seen yet, one piece behind the other; it forgets what it saw
 * in pages that are unmapped, which costs more than the rest of a block, so they are many pieces.
 */
struct fresh_memory {
    char *base;
    size_t used;
};
char *fresh_take(fresh_memory &m, size_t most); /* the piece before may be gone after this */
void fresh_used(fresh_memory &m, size_t bytes); /* of the piece that was taken last */

void run_grid(const launch_shape &shape, const kernel_call &call);
} // namespace cusim

#endif
