/* The loader: order and slots, one batch ahead and no more, errors, early stop. */
#include <stdatomic.h>
#include <time.h>

#include "crm_test.h"
#include "crmpi/data.h"

typedef struct feed {
    int64_t batch[2]; /* what each slot holds */
    atomic_llong calls, held;
    int64_t fail_at; /* -1: never */
    int64_t nap_ns;
    atomic_int overwritten;
} feed;

static crm_status load(void *ctx, int64_t i, int slot)
{
    feed *f = ctx;

    nanosleep(&(struct timespec){0, f->nap_ns}, NULL);
    CRM_CHECK(i != f->fail_at, CRM_ERR_IO, "batch %lld is bad", (long long)i);
    if (f->held >= 0 && slot == (int)(f->held & 1)) f->overwritten = 1;
    f->batch[slot] = i;
    f->calls++;
    return CRM_OK;
}

static void batches_in_order(void)
{
    static const int64_t n[] = {0, 1, 2, 3, 50};

    for (size_t k = 0; k < sizeof n / sizeof *n; k++) {
        feed f = {.held = -1, .fail_at = -1};
        crm_loader *l = NULL;
        int slot = 7;
        T_OK(crm_loader_start(n[k], load, &f, &l));
        for (int64_t i = 0; i < n[k]; i++) {
            f.held = -1; /* asking for a batch gives the one before back */
            T_OK(crm_loader_next(l, &slot));
            f.held = i;
            T_EQ_I(slot, i & 1);
            T_EQ_I(f.batch[slot & 1], i);
            T_CHECK(f.calls <= i + 2);
            nanosleep(&(struct timespec){0, 200000}, NULL);
            T_EQ_I(f.batch[slot & 1], i);
        }
        for (int again = 0; again < 2; again++) {
            T_OK(crm_loader_next(l, &slot));
            T_EQ_I(slot, -1);
        }
        crm_loader_stop(&l);
        T_CHECK(!l);
        T_EQ_I(f.calls, n[k]);
        T_CHECK(!f.overwritten);
    }
}

/* The next batch is loaded while this one is held, the one after that is not. */
static void one_ahead(void)
{
    feed f = {.held = -1, .fail_at = -1};
    crm_loader *l = NULL;
    int slot;

    T_OK(crm_loader_start(10, load, &f, &l));
    T_OK(crm_loader_next(l, &slot));
    for (int i = 0; i < 1000 && f.calls < 2; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    T_EQ_I(f.calls, 2);
    crm_loader_stop(&l);
}

/* An error comes with its batch, whatever the timing, and stays. */
static void errors(void)
{
    for (int64_t bad = 0; bad < 4; bad++)
        for (int again = 0; again < 100; again++) {
            feed f = {.held = -1, .fail_at = bad, .nap_ns = again % 3 ? 0 : 1000};
            crm_loader *l = NULL;
            int slot;
            T_OK(crm_loader_start(4, load, &f, &l));
            for (int64_t i = 0; i < bad; i++) {
                T_OK(crm_loader_next(l, &slot));
                T_EQ_I(f.batch[slot & 1], i);
            }
            for (int64_t i = bad; i < 6; i++) {
                T_EQ_I(crm_loader_next(l, &slot), CRM_ERR_IO);
                T_CHECK(strstr(crm_err_text(), " is bad") != NULL);
            }
            crm_err_clear();
            crm_loader_stop(&l);
        }
}

static void early_stop(void)
{
    for (int taken = 0; taken < 4; taken++) {
        feed f = {.held = -1, .fail_at = -1, .nap_ns = 1000000};
        crm_loader *l = NULL;
        int slot;
        T_OK(crm_loader_start(1000000, load, &f, &l));
        for (int i = 0; i < taken; i++)
            T_OK(crm_loader_next(l, &slot));
        crm_loader_stop(&l);
        T_CHECK(f.calls <= taken + 1);
    }
    crm_loader_stop(&(crm_loader *){NULL});
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"batches in order", batches_in_order},
                                   {"one ahead", one_ahead},
                                   {"errors", errors},
                                   {"early stop", early_stop},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
