/* cusim_fibre.cpp - stacks and the switch between them (x86-64, System V). */
#include "cusim_sanitizers.h"

#include <pthread.h>
#include <sys/mman.h>

#ifndef __x86_64__
#error "the switch between fibres is written for x86-64"
#endif

/* Saves the callee-saved registers and the stack pointer, and continues where `load` was saved. */
extern "C" void cusim_switch(void **save, void *load);
asm(R"(
.text
.globl cusim_switch
.hidden cusim_switch
.type cusim_switch,@function
cusim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size cusim_switch,.-cusim_switch
)");

namespace cusim
{
#if defined(CUSIM_ASAN)
enum { STACK_BYTES = 256 << 10 };
#else
enum { STACK_BYTES = 64 << 10 };
#endif
enum { GUARD_BYTES = 4096, SAVED_REGISTERS = 6 };

static fibre host;
static fibre *current = &host;
/* Never freed, so that at exit LeakSanitizer still sees what they hold. */
static std::vector<fibre *> &idle = *new std::vector<fibre *>;
/* Only under ThreadSanitizer, see fibres_prepare. */
enum { POOLS = 4 };
static std::vector<fibre *> pool[POOLS];
static int turn;

fibre *host_fibre()
{
    return &host;
}

void *map_pages(size_t bytes)
{
    void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        fatal("no memory for %zu bytes", bytes);
    }
    return p;
}

void unmap_pages(void *pages, size_t bytes)
{
    munmap(pages, bytes);
}

enum { FRESH_BYTES = 8 << 20, FRESH_ALIGN = 256 };
char *fresh_take(fresh_memory &m, size_t most)
{
    size_t bytes = with_tsan ? size_t{FRESH_BYTES} : most; /* elsewhere one piece serves for all */
    if (m.base && m.used + most > bytes) {
        unmap_pages(m.base, bytes);
        m.base = nullptr;
    }
    if (!m.base) {
        m = {static_cast<char *>(map_pages(bytes)), 0};
    }
    return m.base + m.used;
}

void fresh_used(fresh_memory &m, size_t bytes)
{
    m.used += (bytes + FRESH_ALIGN - 1) / FRESH_ALIGN * FRESH_ALIGN;
}

/* The host's thread becomes the fibre that the others return to. */
void fibres_start()
{
    current = &host;
#ifdef CUSIM_TSAN
    host.tsan = __tsan_get_current_fiber();
#endif
#ifdef CUSIM_ASAN
    static thread_local void *stack; /* asking again for each launch would read /proc each time */
    static thread_local size_t bytes;
    if (!stack) {
        pthread_attr_t attributes;
        pthread_getattr_np(pthread_self(), &attributes);
        pthread_attr_getstack(&attributes, &stack, &bytes);
        pthread_attr_destroy(&attributes);
    }
    host.stack = static_cast<char *>(stack);
    host.stack_bytes = bytes;
#endif
}

/* The first instruction of a fibre; thread_main never returns. */
static void fibre_entry()
{
#ifdef CUSIM_ASAN
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
    thread_main();
}

static fibre *fibre_new()
{
    fibre *f = new fibre();
    char *pages = static_cast<char *>(map_pages(GUARD_BYTES + STACK_BYTES));
    mprotect(pages, GUARD_BYTES, PROT_NONE);
    f->stack = pages + GUARD_BYTES;
    f->stack_bytes = STACK_BYTES;
    void **sp = reinterpret_cast<void **>(f->stack + STACK_BYTES);
    *--sp = nullptr; /* keeps the stack aligned as after a call */
    *--sp = reinterpret_cast<void *>(fibre_entry);
    for (int i = 0; i < SAVED_REGISTERS; i++) {
        *--sp = nullptr;
    }
    f->stack_pointer = sp;
    return f;
}

/* ThreadSanitizer believes that what one fibre does happens in order, and a block's barriers tell
 * each of its fibres of all the others.  So POOLS blocks that follow each other have fibres of
 * their own, and races between them are found; a fibre that comes back knows of blocks further
 * away, and of kernels before, which ended before.  Making a fibre costs half a millisecond, so
 * they are kept. The host makes them, as one that a thread makes would know of what that thread
 * did. */
void fibres_prepare(int n)
{
    if (!with_tsan) {
        return;
    }
    std::vector<fibre *> &own = pool[turn++ % POOLS];
    while (static_cast<int>(own.size()) < n) {
        fibre *f = fibre_new();
#ifdef CUSIM_TSAN
        f->tsan = __tsan_create_fiber(0);
#endif
        own.push_back(f);
    }
    idle.assign(own.begin(), own.begin() + n);
}

fibre *fibre_take(cuda_thread *thread)
{
    if (idle.empty()) {
        idle.push_back(fibre_new());
    }
    fibre *f = idle.back();
    idle.pop_back();
    f->thread = thread;
    return f;
}

void fibre_return(fibre *f)
{
    if (!with_tsan) {
        idle.push_back(f);
    }
}

void fibre_switch(fibre *to)
{
    fibre *from = current;
    if (from == to) {
        return;
    }
    current = to;
    self = to->thread;
#ifdef CUSIM_TSAN
    __tsan_switch_to_fiber(to->tsan, 1); /* 1: no happens-before edge */
#endif
#ifdef CUSIM_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
    cusim_switch(&from->stack_pointer, to->stack_pointer);
#ifdef CUSIM_ASAN
    __sanitizer_finish_switch_fiber(current->fake_stack, nullptr, nullptr);
#endif
}
} // namespace cusim
