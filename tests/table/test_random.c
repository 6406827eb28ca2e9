/* test_random.c - random CSV: the import agrees with a serial reader written here, and broken CSV
 * gives one rank alone and all ranks together the same message. ranks: 1 2 3 4 timeout: 240 */
#include "table_testing.h"

enum { MAX_COLUMNS = 5, MAX_ROWS = 30, TRIALS = 60, BREAKS = 250 };

/* ---- random CSV ---- */
typedef struct sheet {
    int n_rows, n_columns;
    crm_str cell[MAX_ROWS][MAX_COLUMNS]; /* text is NULL for "" */
} sheet;

static const char *text_of(const crm_str *s)
{
    return s->text ? s->text : "";
}

static void random_cell(uint64_t *seed, crm_str *out)
{
    static const char *const PIECE[] = {"a",    "b",        "\"", ",", "\n",
                                        "\r\n", "\xC3\xA9", " ",  "1", ";"};
    int n = t_below(seed, 6);

    for (int i = 0; i < n; i++) {
        const char *p = PIECE[t_below(seed, 10)];
        crm_str_add(out, p, strlen(p));
    }
}

static void random_sheet(uint64_t *seed, sheet *s)
{
    memset(s, 0, sizeof *s);
    s->n_columns = 1 + t_below(seed, MAX_COLUMNS);
    s->n_rows = 1 + t_below(seed, MAX_ROWS);
    for (int i = 0; i < s->n_rows; i++)
        for (int k = 0; k < s->n_columns; k++)
            random_cell(seed, &s->cell[i][k]);
}

static void free_sheet(sheet *s)
{
    for (int i = 0; i < MAX_ROWS; i++)
        for (int k = 0; k < MAX_COLUMNS; k++)
            crm_str_free(&s->cell[i][k]);
}

static void write_cell(uint64_t *seed, const char *text, bool quote, crm_str *out)
{
    quote = quote || strpbrk(text, "\",\r\n") || t_below(seed, 4) == 0;
    if (!quote) {
        crm_str_add(out, text, strlen(text));
        return;
    }
    crm_str_add(out, "\"", 1);
    for (; *text; text++)
        crm_str_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    crm_str_add(out, "\"", 1);
}

static void end_line(uint64_t *seed, crm_str *out)
{
    do
        crm_str_addf(out, t_below(seed, 2) ? "\n" : "\r\n");
    while (t_below(seed, 8) == 0); /* blank lines */
}

static void write_sheet(uint64_t *seed, const sheet *s, crm_str *out)
{
    if (t_below(seed, 3) == 0) crm_str_addf(out, "\xEF\xBB\xBF");
    for (int k = 0; k < s->n_columns; k++)
        crm_str_addf(out, k ? ",c%d" : "c%d", k);
    for (int i = 0; i < s->n_rows; i++) {
        end_line(seed, out);
        for (int k = 0; k < s->n_columns; k++) {
            if (k) crm_str_addf(out, ",");
            write_cell(seed, text_of(&s->cell[i][k]), s->n_columns == 1, out);
        }
    }
    if (t_below(seed, 2)) end_line(seed, out);
}

/* ---- serial reader: one character at a time; gives the cells row by row, without the header ----
 */
typedef struct serial {
    int row, column; /* of the cell that is being read; row -1 is the header */
    sheet *out;
} serial;

static void put_char(serial *s, char c)
{
    if (s->row >= 0 && s->row < MAX_ROWS && s->column < MAX_COLUMNS)
        crm_str_add(&s->out->cell[s->row][s->column], &c, 1);
}

static void read_serially(const char *p, size_t n, sheet *out)
{
    serial s = {.row = -1, .out = out};
    bool quoted = false, any = false; /* any: the line has something */
    size_t i = n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    memset(out, 0, sizeof *out);
    for (; i < n; i++) {
        bool next_too = i + 1 < n && p[i + 1] == '"';
        if (p[i] == '"' && quoted && next_too) {
            put_char(&s, p[i++]);
        } else if (p[i] == '"') {
            quoted = !quoted;
            any = true;
        } else if (!quoted && p[i] == ',') {
            s.column++;
            any = true;
        } else if (!quoted && p[i] == '\n') {
            s.row += any;
            s.column = 0;
            any = false;
        } else if (quoted || p[i] != '\r') {
            put_char(&s, p[i]);
            any = true;
        }
    }
    out->n_rows = s.row + any;
}

/* ---- comparison ---- */
static bool blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

static void compare_rows(const crm_store *s, const sheet *want)
{
    const crm_store_array *cat = crm_store_find(s, "profile/cat");

    T_CHECK(cat && cat->dim[0] == want->n_rows && cat->dim[1] == want->n_columns);
    if (!cat || cat->dim[0] != want->n_rows || cat->dim[1] != want->n_columns) return;
    for (int k = 0; k < want->n_columns; k++) {
        char name[64];
        int64_t n;
        const char *const *level;
        snprintf(name, sizeof name, "profile/levels/%d", k);
        level = crm_store_items(s, name, &n);
        for (int i = 0; i < want->n_rows; i++) {
            int32_t code = ((const int32_t *)cat->data)[i * want->n_columns + k];
            const char *text = text_of(&want->cell[i][k]);
            T_CHECK(blank(text) ? code == -1
                                : code >= 0 && code < n && strcmp(level[code], text) == 0);
        }
    }
}

static crm_table_cfg all_categorical(int n_columns)
{
    static const char *const NAME[] = {"c0", "c1", "c2", "c3", "c4"};
    crm_table_cfg cfg = t_cfg();

    cfg.categorical = (crm_opt_list){n_columns, NAME};
    cfg.separator = CRM_TABLE_SEPARATOR_COMMA;
    return cfg;
}

static void check_sheet(uint64_t *seed)
{
    static sheet made, read;
    char csv[512], h5[512];
    crm_str text = {0};
    crm_store *s = NULL;
    crm_table_cfg cfg;

    random_sheet(seed, &made);
    write_sheet(seed, &made, &text);
    read_serially(text.text, text.len, &read);
    read.n_columns = made.n_columns;
    T_EQ_I(read.n_rows, made.n_rows);
    cfg = all_categorical(made.n_columns);
    t_write(t_path("a.csv", csv), text.text, text.len);
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("a.h5", h5), NULL, NULL));
    T_OK(crm_store_open(h5, "crmpi-dataset", &s));
    if (s) {
        compare_rows(s, &read);
        compare_rows(s, &made);
    }
    crm_store_close(&s);
    if (t_failures) fprintf(stderr, "# csv:\n%s\n", text.text);
    crm_str_free(&text);
    free_sheet(&made);
    free_sheet(&read);
    T_OK(crm_comm_barrier(t_comm));
}

static void agrees_with_serial(void)
{
    uint64_t seed = 7;

    t_enter();
    for (int i = 0; i < TRIALS && !t_failures; i++)
        check_sheet(&seed);
    t_leave();
}

/* ---- broken CSV ---- */
static void break_text(uint64_t *seed, crm_str *text)
{
    static const char BAD[] = {'"', ',', '\n', '\r', '\xFF', '\0', 'x'};
    size_t at = (size_t)t_below(seed, (int)text->len);

    text->text[at] = BAD[t_below(seed, sizeof BAD)];
}

/* The whole group, then each rank as a group of its own. */
static void check_broken(uint64_t *seed, crm_comm *alone)
{
    static sheet made;
    char csv[512], h5[512], own[64], together[CRM_ERR_TEXT_MAX];
    crm_str text = {0};
    crm_table_cfg cfg;
    crm_status st, st_alone;

    random_sheet(seed, &made);
    write_sheet(seed, &made, &text);
    break_text(seed, &text);
    cfg = all_categorical(made.n_columns);
    t_write(t_path("b.csv", csv), text.text, text.len);
    st = crm_table_import(t_comm, &cfg, csv, t_path("b.h5", h5), NULL, NULL);
    snprintf(together, sizeof together, "%s", st ? crm_err_text() : "");
    snprintf(own, sizeof own, "alone-%d.h5", crm_comm_rank(t_comm));
    st_alone = crm_table_import(alone, &cfg, csv, t_path(own, h5), NULL, NULL);
    T_EQ_I(st, st_alone);
    T_CHECK(strcmp(together, st_alone ? crm_err_text() : "") == 0);
    if (t_failures)
        fprintf(stderr, "#   together: %s\n#   alone:    %s\n", together, crm_err_text());
    crm_err_clear();
    crm_str_free(&text);
    free_sheet(&made);
    T_OK(crm_comm_barrier(t_comm));
}

static void same_message(void)
{
    uint64_t seed = 11;
    crm_comm *alone = NULL;

    t_enter();
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    for (int i = 0; i < BREAKS; i++)
        check_broken(&seed, alone);
    crm_comm_free(&alone);
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"random CSV as a serial reader has it", agrees_with_serial},
                                   {"broken CSV gives the same message", same_message},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
