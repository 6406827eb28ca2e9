/* rule_steps.c - lists of rules whose conditions are steps on a stack of truth values. */
#include <math.h>

#include "rule_impl.h"

crm_status rule_list_new(int n, rule_list *out)
{
    *out = (rule_list){.n = 0};
    CRM_NEW(out->line, n + 1);
    out->line[0] = (rule_line){.says = -1, .given = -1};
    return CRM_OK;
}

crm_status rule_list_step(rule_list *l, rule_step s)
{
    int32_t cap = l->cap ? 2 * l->cap : 16;

    if (l->n_steps == l->cap) {
        rule_step *step = crm_mem_grow(l->step, (size_t)l->n_steps, (size_t)cap, sizeof *l->step);
        CRM_CHECK(step, CRM_ERR_NOMEM, "out of memory: %d steps of rules", cap);
        l->step = step;
        l->cap = cap;
    }
    l->step[l->n_steps++] = s;
    return CRM_OK;
}

void rule_list_end(rule_list *l, int says, double given)
{
    rule_line rest = l->line[l->n];

    l->line[l->n] = (rule_line){.end = l->n_steps, .says = says, .given = given};
    l->line[++l->n] = rest;
    l->line[l->n].end = l->n_steps;
}

void rule_list_free(rule_list *l)
{
    crm_mem_free(l->line);
    crm_mem_free(l->step);
    *l = (rule_list){.n = 0};
}

/* ---- check ---- */

/* Values that a step takes off the stack and puts there. */
static void change(int32_t op, int *takes, int *gives)
{
    *takes = op == RULE_AND || op == RULE_OR ? 2 : op == RULE_NOT;
    *gives = 1;
}

static crm_status check_step(const rule_step *s, int n_num, int n_cat)
{
    int limit = s->op == RULE_LEVEL || s->op == RULE_NOT_LEVEL ? n_cat : n_num;

    CRM_CHECK(s->op >= 0 && s->op < RULE_OP_COUNT, CRM_ERR_FORMAT, "rule with a step of kind %d",
              s->op);
    if (s->op >= RULE_AND) return CRM_OK;
    CRM_CHECK(s->column >= 0 && s->column < limit, CRM_ERR_FORMAT, "rule on column %d of %d",
              s->column, limit);
    return CRM_OK;
}

crm_status rule_list_check(const rule_list *l, int n_num, int n_cat, int n_classes)
{
    int32_t at = 0;

    for (int r = 0; r <= l->n; r++) {
        const rule_line *line = &l->line[r];
        int depth = 0, takes = 0, gives = 0;
        bool rest = r == l->n;
        CRM_CHECK(
            line->end >= at && line->end <= l->n_steps && line->says >= -1 &&
                line->says < n_classes &&
                (line->given == -1 || (line->given >= 0 && line->given <= 1 && line->says >= 0)),
            CRM_ERR_FORMAT, "rule %d has steps %d to %d of %d, class %d, probability %g", r + 1, at,
            line->end, l->n_steps, line->says, line->given);
        for (; at < line->end; at++) {
            CRM_TRY(check_step(&l->step[at], n_num, n_cat));
            change(l->step[at].op, &takes, &gives);
            CRM_CHECK(depth >= takes && depth - takes + gives <= RULE_DEPTH, CRM_ERR_FORMAT,
                      "rule %d has no sound condition, or one deeper than %d", r + 1, RULE_DEPTH);
            depth += gives - takes;
        }
        CRM_CHECK(depth == !rest, CRM_ERR_FORMAT, "rule %d leaves %d values", r + 1, depth);
    }
    return CRM_OK;
}

/* ---- rows ---- */

/* Comparisons with NaN are false, but for !=. */
static bool test(const rule_step *s, const float *num, const int32_t *cat)
{
    switch (s->op) {
    case RULE_LE:
        return num[s->column] <= s->cut;
    case RULE_GT:
        return num[s->column] > s->cut;
    case RULE_MISSING:
        return isnan(num[s->column]);
    case RULE_LT:
        return num[s->column] < s->cut;
    case RULE_GE:
        return num[s->column] >= s->cut;
    case RULE_EQ:
        return num[s->column] == s->cut;
    case RULE_NE:
        return !isnan(num[s->column]) && num[s->column] != s->cut;
    case RULE_LEVEL:
        return cat[s->column] == s->level;
    default:
        return cat[s->column] >= 0 && cat[s->column] != s->level;
    }
}

static bool holds(const rule_step *s, int32_t n, const float *num, const int32_t *cat)
{
    bool stack[RULE_DEPTH];
    int top = -1;

    for (int32_t i = 0; i < n; i++) {
        if (s[i].op == RULE_NOT) {
            stack[top] = !stack[top];
        } else if (s[i].op == RULE_AND) {
            top--;
            stack[top] = stack[top] && stack[top + 1];
        } else if (s[i].op == RULE_OR) {
            top--;
            stack[top] = stack[top] || stack[top + 1];
        } else {
            stack[++top] = test(&s[i], num, cat);
        }
    }
    return stack[0];
}

int rule_list_group(const rule_list *l, const float *num, const int32_t *cat)
{
    int32_t at = 0;

    for (int r = 0; r < l->n; r++) {
        if (holds(l->step + at, l->line[r].end - at, num, cat)) return r;
        at = l->line[r].end;
    }
    return l->n;
}
