/* rule_rfm.c - recency-frequency-monetary scores: each part scores 1..5 by quintiles of the
 * training rows (Hughes, Strategic Database Marketing, 1994), the total is the group of a customer.
 */
#include <math.h>
#include <string.h>

#include "rule_impl.h"

/* What a column of money is called, likeliest first. */
static const char *const MONEY[] = {"monetary", "spend",  "amount", "revenue", "sales",
                                    "turnover", "charge", "price",  "value"};
enum { N_MONEY = sizeof MONEY / sizeof *MONEY };

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* word, in lower case, is a part of text in any case. */
static bool has_word(const char *text, const char *word)
{
    for (; *text; text++) {
        size_t i = 0;
        while (word[i] && lower((unsigned char)text[i]) == word[i])
            i++;
        if (!word[i]) return true;
    }
    return false;
}

static bool is_sum(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, " sum") == 0;
}

static int find_name(const crm_schema *s, const char *name)
{
    for (int i = 0; i < s->n_num; i++)
        if (strcmp(s->num_name[i], name) == 0) return i;
    return -1;
}

/* Sum of a channel or of a number of the events that sounds like money, else of any number of the
 * events. */
static int find_money(const crm_schema *s)
{
    for (int w = 0; w < N_MONEY; w++)
        for (int i = 0; i < s->n_num; i++)
            if (is_sum(s->num_name[i]) && has_word(s->num_name[i], MONEY[w])) return i;
    for (int i = 0; i < s->n_num; i++)
        if (is_sum(s->num_name[i]) && strncmp(s->num_name[i], "events ", 7) == 0) return i;
    return -1;
}

bool rule_rfm_find(const crm_source *in, int32_t column[RFM_PARTS], const char **lacks)
{
    static const char *const names[RFM_PARTS] = {
        "events recency", "events", "a sum of money (monthly channel or event number)"};
    const crm_schema *s = crm_source_schema(in);

    column[0] = find_name(s, names[0]);
    column[1] = find_name(s, names[1]);
    column[2] = find_money(s);
    for (int i = 0; i < RFM_PARTS; i++)
        if (column[i] < 0) {
            if (lacks) *lacks = names[i];
            return false;
        }
    return true;
}

static crm_status quintiles(const crm_source *in, double **value, int64_t **present)
{
    int n = crm_source_schema(in)->n_num;

    CRM_NEW(*value, (int64_t)n * RFM_CUTS);
    CRM_NEW(*present, n);
    return CRM_OK;
}

crm_status rule_rfm_learn(rule_model *m, const crm_fit *fit, const crm_source *in)
{
    static const double p[RFM_CUTS] = {0.2, 0.4, 0.6, 0.8};
    double *value = NULL;
    int64_t *present = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, quintiles(in, &value, &present)));
    CRM_TRY_TO(st, done, crm_rows_quantiles(fit, in, RFM_CUTS, p, value, present));
    for (int i = 0; i < RFM_PARTS; i++)
        for (int q = 0; q < RFM_CUTS; q++)
            m->cut[i * RFM_CUTS + q] = (float)value[m->column[i] * RFM_CUTS + q];
done:
    crm_mem_free(value);
    crm_mem_free(present);
    return st;
}

/* 0..4; a missing value counts as the worst: no events, nothing spent. */
int rule_rfm_group(const rule_model *m, const float *num)
{
    int total = 0;

    for (int i = 0; i < RFM_PARTS; i++) {
        float x = num[m->column[i]];
        int above = 0;
        for (int q = 0; q < RFM_CUTS; q++)
            above += x > m->cut[i * RFM_CUTS + q];
        if (isnan(x)) continue;
        total += i == 0 ? RFM_CUTS - above : above;
    }
    return total;
}
