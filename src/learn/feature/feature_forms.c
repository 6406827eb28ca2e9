/* feature_forms.c - forms of dictionaries, kept in a list that threads read without a lock. */
#include "feature_forms.h"

static void free_one(feature_forms *one)
{
    if (!one) return;
    crm_forms_free(&one->forms);
    crm_mem_free(one->id);
    crm_mem_free(one);
}

void feature_forms_free(feature_forms_list *list)
{
    for (feature_forms *next, *one = atomic_load(&list->head); one; one = next) {
        next = one->next;
        free_one(one);
    }
    atomic_store(&list->head, NULL);
}

static crm_status fill(const crm_text_cfg *cfg, const crm_vocab *vocab, const crm_documents *docs,
                       feature_forms *one)
{
    CRM_TRY(crm_forms_new(cfg, docs->n_words, docs->word, &one->forms));
    if (!vocab) return CRM_OK;
    CRM_NEW(one->id, crm_forms_count(one->forms));
    crm_vocab_map(vocab, crm_forms_count(one->forms), crm_forms_text(one->forms), one->id);
    return CRM_OK;
}

const feature_forms *feature_forms_of(const feature_forms_list *list, const crm_data *data)
{
    crm_digest digest = crm_data_digest(data);
    const feature_forms *one = atomic_load(&((feature_forms_list *)(uintptr_t)list)->head);

    while (one && !crm_digest_equal(one->data, digest))
        one = one->next;
    return one;
}

/* Two threads may make it at once; both stay, and are equal. */
crm_status feature_forms_ready(const feature_forms_list *list, const crm_text_cfg *cfg,
                               const crm_vocab *vocab, const crm_data *data)
{
    _Atomic(feature_forms *) *head = &((feature_forms_list *)(uintptr_t)list)->head;
    const crm_documents *docs = crm_data_documents(data);
    feature_forms *one;
    crm_status st;

    if (!docs || feature_forms_of(list, data)) return CRM_OK;
    CRM_NEW(one, 1);
    st = fill(cfg, vocab, docs, one);
    if (st) {
        free_one(one);
        return st;
    }
    one->data = crm_data_digest(data);
    one->next = atomic_load(head);
    while (!atomic_compare_exchange_weak(head, &one->next, one)) {
    }
    return CRM_OK;
}

static crm_status begin(const crm_text_cfg *cfg, const crm_documents *docs, crm_text_fixed **text,
                        crm_forms **forms)
{
    CRM_TRY(crm_text_fix(cfg, text));
    return crm_forms_new(&(*text)->cfg, docs->n_words, docs->word, forms);
}

crm_status feature_forms_learn(const crm_fit *fit, const crm_text_cfg *cfg,
                               const crm_documents *docs, crm_text_fixed **text, crm_forms **forms)
{
    CRM_TRY(crm_comm_agree(fit->comm, begin(cfg, docs, text, forms)));
    return crm_rows_same(fit, "the file of text.stop_words", (*text)->n,
                         (const char *const *)(*text)->item);
}

crm_status feature_forms_walk(const crm_forms *forms, const crm_documents *docs, int64_t document,
                              feature_walk *w)
{
    int64_t at = docs->token_first[document], n = docs->token_first[document + 1] - at;

    if (n > w->room) {
        crm_mem_free(w->form);
        w->room = 0;
        CRM_NEW(w->form, 2 * n);
        w->room = 2 * n;
    }
    w->n = crm_forms_walk(forms, docs->token + at, n, w->form);
    return CRM_OK;
}

int feature_by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}
