/* baselines_data.c - writes the data set of the benchmark of classical models:
 * bench_baselines_data FILE ROWS.
 *
 * 32 standard normal float32 columns and a label of two classes, about 30 % positive: log odds
 * linear in eight columns, with two products, a step and a square on top; the other columns are
 * noise. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_status.h"
#include "crmpi/base_str.h"
#include "crmpi/store.h"

enum { COLUMNS = 32 };
enum { STREAM_X = CRM_RNG_TEST, STREAM_Y };

static double log_odds(const float *x)
{
    double z = -1.2;

    for (int j = 0; j < 8; j++)
        z += (j % 2 ? -0.5 : 0.5) * (double)x[j];
    z += 0.9 * (double)x[8] * (double)x[9] - 0.7 * (double)x[10] * (double)x[0];
    z += x[11] > 0.5F ? 1.0 : 0.0;
    return z + 0.3 * ((double)x[12] * (double)x[12] - 1);
}

static void fill(int64_t rows, float *x, int32_t *y)
{
    for (int64_t i = 0; i < rows; i++) {
        crm_rng r = crm_rng_at(1, STREAM_X, 0, (uint64_t)i);
        crm_rng u = crm_rng_at(1, STREAM_Y, 0, (uint64_t)i);
        for (int j = 0; j < COLUMNS; j++)
            x[i * COLUMNS + j] = (float)crm_rng_normal(&r);
        y[i] = crm_rng_uniform(&u) < 1 / (1 + exp(-log_odds(x + i * COLUMNS)));
    }
}

static crm_status put(crm_store_writer *w, int64_t rows, const float *x, const int32_t *y)
{
    char text[COLUMNS][16];
    const char *name[COLUMNS];

    for (int j = 0; j < COLUMNS; j++) {
        snprintf(text[j], sizeof text[j], "x%02d", j);
        name[j] = text[j];
    }
    CRM_TRY(crm_store_attr_i64(w, "", "rows", rows));
    CRM_TRY(crm_store_attr_text(w, "", "source_digest", ""));
    CRM_TRY(crm_store_define(w, "profile/num", CRM_F32, 2, (int64_t[]){rows, COLUMNS}, NULL));
    CRM_TRY(crm_store_attr_list(w, "profile/num", "columns", COLUMNS, name));
    CRM_TRY(crm_store_define(w, "target/y/label", CRM_I32, 1, &rows, NULL));
    CRM_TRY(crm_store_attr_text(w, "target/y/label", "level", "customer"));
    CRM_TRY(crm_store_attr_list(w, "target/y/label", "classes", 2, (const char *[]){"no", "yes"}));
    CRM_TRY(crm_store_write(w, "profile/num", 0, rows, x));
    return crm_store_write(w, "target/y/label", 0, rows, y);
}

static crm_status run(const char *path, int64_t rows)
{
    crm_store_writer *w = NULL;
    float *x = NULL;
    int32_t *y = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, x, rows * COLUMNS);
    CRM_NEW_TO(st, done, y, rows);
    fill(rows, x, y);
    CRM_TRY_TO(st, done, crm_store_create(NULL, path, "crmpi-dataset", &w));
    CRM_TRY_TO(st, done, put(w, rows, x, y));
    st = crm_store_commit(&w, NULL);
done:
    crm_store_abandon(&w);
    crm_mem_free(x);
    crm_mem_free(y);
    return st;
}

int main(int argc, char **argv)
{
    int64_t rows = 0;

    if (argc != 3 || !crm_parse_i64(argv[2], strlen(argv[2]), &rows) || rows < 2) {
        fprintf(stderr, "usage: %s FILE ROWS\n", argv[0]);
        return 2;
    }
    if (run(argv[1], rows) == CRM_OK) return 0;
    fprintf(stderr, "%s: %s\n", argv[0], crm_err_text());
    return 3;
}
