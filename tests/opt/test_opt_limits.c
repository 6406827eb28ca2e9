/* test_opt_limits.c - size, depth, very many errors, very long values: refused in order and
 * quickly. */
#include <stdlib.h>

#include "opt_sample.h"

enum { MIB = 1 << 20 };

/* Comment lines up to n bytes, then the text. */
static void fill(crm_str *out, size_t n, const char *text)
{
    while (out->len + strlen(text) + 64 < n)
        crm_str_addf(out, "# %60s\n", "");
    while (out->len + strlen(text) < n)
        crm_str_addf(out, "\n");
    crm_str_addf(out, "%s", text);
}

static void size_limit(void)
{
    crm_str yaml = {0};
    sample s;

    sample_open(&s);
    fill(&yaml, MIB, "train.epochs: 7\n");
    T_EQ_I(yaml.len, MIB);
    T_OK(sample_load(&s, yaml.text, NULL));
    T_EQ_I(s.train.epochs, 7);
    crm_str_addf(&yaml, "\n");
    T_FAILS(
        sample_load(&s, yaml.text, "zz=1"), CRM_ERR_CONFIG,
        "c.yaml:1:1: (file): value '1048577 bytes' is too large; allowed: at most 1048576 bytes\n"
        "--set zz=1: ");
    crm_str_free(&yaml);
    sample_close(&s);
}

/* depth nested lists as the value of an unknown key: the mapping of the file is one level more. */
static crm_status load_nested(sample *s, int depth)
{
    crm_str yaml = {0};
    crm_status st;

    crm_str_addf(&yaml, "x: ");
    for (int i = 0; i < depth; i++)
        crm_str_addf(&yaml, "[");
    for (int i = 0; i < depth; i++)
        crm_str_addf(&yaml, "]");
    st = sample_load(s, yaml.text, NULL);
    crm_str_free(&yaml);
    return st;
}

static void depth_limit(void)
{
    sample s;

    sample_open(&s);
    T_FAILS(load_nested(&s, 31), CRM_ERR_CONFIG, "given to an unknown key");
    T_EQ_I(load_nested(&s, 31), CRM_ERR_CONFIG);
    T_CHECK(!strstr(crm_err_text(), "too deeply"));
    T_FAILS(
        load_nested(&s, 32), CRM_ERR_CONFIG,
        "c.yaml:1:35: x: value '[...]' is nested too deeply; allowed: at most 32 levels\n2 errors");
    T_FAILS(load_nested(&s, 400000), CRM_ERR_CONFIG, "is nested too deeply");
    sample_close(&s);
}

static void many_errors(void)
{
    crm_str yaml = {0};
    sample s;
    int n = 0;

    sample_open(&s);
    while (yaml.len + 16 < MIB)
        crm_str_addf(&yaml, "k%d: 1\n", n++);
    T_EQ_I(sample_load(&s, yaml.text, NULL), CRM_ERR_CONFIG);
    T_CHECK(strncmp(crm_err_text(), "c.yaml:1:1: k0: value '1'", 25) == 0);
    T_CHECK(strstr(crm_err_text(), "\nc.yaml:50:1: k49: "));
    T_CHECK(strstr(crm_err_text(), " more not shown)\n"));
    T_CHECK(strlen(crm_err_text()) < CRM_ERR_TEXT_MAX - 1);
    yaml.len = 0;
    crm_str_addf(&yaml, "\n%d errors", n);
    T_CHECK(strcmp(crm_err_text() + strlen(crm_err_text()) - yaml.len, yaml.text) == 0);
    crm_str_free(&yaml);
    sample_close(&s);
}

/* A value of half a MiB is shown in part; a long file name still leaves room for the count. */
static void long_texts(void)
{
    crm_str value = {0}, yaml = {0}, name = {0};
    sample s;

    sample_open(&s);
    for (int i = 0; i < 250000; i++)
        crm_str_addf(&value, "\xc3\xa4");
    crm_str_addf(&yaml, "data.path: %s\n", value.text);
    T_OK(sample_load(&s, yaml.text, NULL));
    T_CHECK(strcmp(s.run.path, value.text) == 0);
    T_FAILS(crm_opt_set_reject(s.set, "data.path", "is long"), CRM_ERR_CONFIG,
            "\xc3\xa4...' is long");
    crm_str_free(&yaml);
    crm_str_addf(&yaml, "%s: 1\ndevice: %s\n", "x", value.text);
    T_FAILS(sample_load(&s, yaml.text, NULL), CRM_ERR_CONFIG,
            "...' is unknown; allowed: cpu, cuda\n2 err");
    for (int i = 0; i < 5000; i++)
        crm_str_addf(&name, "\xc3\xa4");
    T_EQ_I(crm_opt_set_load_text(s.set, name.text, "x: 1\ny: 2\n", 10, NULL, 0), CRM_ERR_CONFIG);
    T_CHECK(strstr(crm_err_text(), "\n2 errors"));
    crm_str_free(&value);
    crm_str_free(&yaml);
    crm_str_free(&name);
    sample_close(&s);
}

static void no_leak(void)
{
    T_NO_LEAK(size_limit());
    T_NO_LEAK(depth_limit());
    T_NO_LEAK(many_errors());
    T_NO_LEAK(long_texts());
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"size", size_limit},
                                   {"depth", depth_limit},
                                   {"many errors", many_errors},
                                   {"long texts", long_texts},
                                   {"memory is given back", no_leak},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
