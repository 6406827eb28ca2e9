/* table_scan.h - inside of room table: records of a range of a file as fields, and columns of
 * fields as values.
 *
 * A batch is some hundred records as extents of fields, so that each column is read by a loop of
 * its own.  Batches come from two readers with one meaning: table_scan (registers of 16 to 64
 * bytes; only where nothing is odd) and table_record (byte by byte, says what is odd).  A record
 * ends with the first newline outside quotes; a quote opens a field only behind a separator or a
 * line end, closes it where no other follows, and anything else about quotes breaks the record. */
#ifndef TABLE_SCAN_H
#define TABLE_SCAN_H

#include "crmpi/table_schema.h"
#include "table_frame.h"

enum {
    TABLE_WINDOW = 48 << 10, /* bytes looked at in one go: they stay in the caches of a core */
    TABLE_PAD = 64,          /* bytes behind a text that may be read, whatever they are      */
    TABLE_RECORD_MAX = 64 << 20
};

/* What is wrong with a record or a value. */
typedef enum table_fault {
    TABLE_FINE,
    TABLE_NUL,
    TABLE_BYTE,      /* no UTF-8                                     */
    TABLE_CR,        /* alone                                        */
    TABLE_STRAY,     /* quote in a field that does not begin with it */
    TABLE_BEHIND,    /* text behind a closing quote                  */
    TABLE_UNCLOSED,  /* quote, up to the end of the file             */
    TABLE_ENDLESS,   /* quoted field of more than CRM_TABLE_FIELD_MAX bytes: never passed over */
    TABLE_LONG,      /* field                                        */
    TABLE_COUNT,     /* of fields                                    */
    TABLE_NO_NUMBER, /* from here on: values                         */
    TABLE_NO_WHOLE,
    TABLE_NO_BOOLEAN,
    TABLE_NO_TIME,
    TABLE_BELOW,
    TABLE_ABOVE,
    TABLE_BEYOND, /* what a data set can hold */
    TABLE_FAULT_COUNT
} table_fault;
extern const char *const crm_table_fault_names[];

/* ---- input ---- */
typedef struct table_source {
    table_file file; /* text, unpacked; path is that of the file it comes from               */
    const char *raw; /* bytes of the file itself                                             */
    size_t raw_size;
    void *map[2]; /* file, unpacked file */
    size_t map_size[2];
    int packing; /* 0 plain, 1 gzip, 2 zstd */
    char sep;
    bool unquoted;     /* quotes are characters like others */
    size_t header_at;  /* first byte of the header, or of the first record where there is none */
    size_t data_at;    /* first byte behind the header */
    int64_t data_line; /* line ends before it          */
    int n;             /* fields of a record */
    int *column;       /* [n] column of the schema, -1: none is read */
    int *field;        /* [columns of the schema] field of the file, -1 */
} table_source;
typedef struct table_segment {
    int source;
    size_t begin, end; /* records that begin in it; begin is a record's first byte, or end */
    int64_t line;      /* line ends before begin */
    int64_t lines;     /* in it */
} table_segment;
typedef struct table_input {
    int n;
    table_source *source; /* [n] in byte order of the paths */
    int n_segments;
    table_segment *segment; /* of this rank, in order */
} table_input;

/* Find, map and unpack the files of a table, and read their headers.  Collective. */
CRM_CHECKED crm_table_input_open(crm_comm *comm, const crm_table_def *t, const char *folder,
                                 table_input *in);
/* Part of this rank.  Collective. */
CRM_CHECKED crm_table_input_divide(crm_comm *comm, table_input *in);
/* Digest of the bytes of all files.  Collective. */
CRM_CHECKED crm_table_input_digest(crm_comm *comm, const table_input *in, crm_digest *out);
void crm_table_input_close(table_input *in);
/* Map and unpack alone: the first half of crm_table_input_open.  Collective. */
CRM_CHECKED crm_table_input_map(crm_comm *comm, const crm_table_def *t, const char *folder,
                                table_input *in);
/* Unpack the compressed files, each by one rank of a node, into files that have no name any more.
 * Collective. */
CRM_CHECKED crm_table_unpack(crm_comm *comm, table_input *in);
/* Map bytes of a file so that TABLE_PAD bytes behind them may be read.  Not collective. */
CRM_CHECKED crm_table_map(int fd, const char *path, size_t bytes, void **map, size_t *map_size);
/* Read the headers: the second half of it.  Not collective, equal on all ranks. */
CRM_CHECKED crm_table_input_begin(const crm_table_def *t, table_input *in);
/* Names of the header -> columns of the schema.  Not collective, equal on all ranks. */
CRM_CHECKED crm_table_header(const crm_table_def *t, table_source *s);
/* The same again, for other columns of the same files.  Not collective, equal on all ranks. */
CRM_CHECKED crm_table_input_columns(const crm_table_def *t, table_input *in);
/* Names of the fields of the header, each the caller's, and their first bytes: both [s->n]. */
CRM_CHECKED crm_table_header_fields(const crm_table_def *t, const table_source *s, char **name,
                                    size_t *at);

/* ---- records ---- */
typedef struct table_span {
    uint32_t begin, end; /* from the base of the batch; with the quotes of the field */
} table_span;
typedef struct table_batch {
    const char *base;
    int n; /* fields of a record */
    int64_t rows;
    table_span *span; /* [rows][n] */
    int64_t *line;    /* [rows] 1-based line where the record begins */
    size_t bytes;     /* of the file that it comes from */
    size_t cap_span, cap_line;
    bool quotes, high; /* some field has quotes, some byte is no ASCII */
} table_batch;
CRM_CHECKED crm_table_batch_room(table_batch *b, size_t rows);
void crm_table_batch_free(table_batch *b);

/* What stood in a piece of text as table_kernels.scan found it. */
enum { SCAN_QUOTES = 1, SCAN_HIGH = 2, SCAN_CR = 4, SCAN_ODD = 8, SCAN_INNER = 16 };
enum { TABLE_FRONT_FREE = -3, TABLE_FRONT_BAD = -2 };
/* Texts as they stand in the file -> code, for the texts that came up before. */
typedef struct table_front_slot {
    uint64_t a, b; /* up to 16 bytes themselves, of more the XXH3-128 */
    uint32_t len;
    int32_t code; /* TABLE_FRONT_FREE: none */
} table_front_slot;
typedef struct table_front {
    table_front_slot *slot;
    int64_t n_slots, used; /* slots: a power of two */
} table_front;

typedef struct table_kernels {
    const char *name;
    /* Ends (separators, newlines outside quotes) of fields in p[0 .. n), p a record's first byte,
     * into end (room for n + 64); up to the last newline outside quotes.  Number of ends; *newlines
     * of them; flags SCAN_... of all n bytes.  quotes = false: they are characters like others. */
    int64_t (*scan)(const char *p, size_t n, char sep, bool quotes, uint32_t *end,
                    int64_t *newlines, unsigned *flags);
    /* Values of field k of each record; rows for which that was not done go to odd, their number
     * is returned.  An empty field is missing. */
    int64_t (*real)(const table_batch *b, int k, char decimal, double *out, uint32_t *odd);
    int64_t (*whole)(const table_batch *b, int k, int64_t *out, uint32_t *odd);
    int64_t (*code)(const table_batch *b, int k, const table_front *f, int32_t *out, uint32_t *odd);
    /* Newlines in p[0 .. n). */
    int64_t (*newlines)(const char *p, size_t n);
} table_kernels;
extern const table_kernels crm_table_plain, crm_table_avx2, crm_table_avx512;
/* The best that runs here, or the one named by CRM_TABLE_KERNELS (plain, avx2, avx512). */
const table_kernels *crm_table_kernels(void);
/* Slot of a text in the front: the one that has it, or the free one where it belongs. */
int64_t crm_table_front_slot(const table_front *f, const char *text, size_t len);
CRM_CHECKED crm_table_front_add(table_front *f, const char *text, size_t len, int32_t code);

/* One record, byte by byte. */
typedef struct table_record {
    size_t begin, next; /* next: first byte behind it */
    int64_t lines;      /* line ends in it */
    int n;              /* fields; only the first n_want are in span */
    table_fault fault;
    size_t fault_at;
} table_record;
/* Read the record at s->file.data[at]; span [n_want] is relative to base. */
void crm_table_record_read(const table_source *s, bool latin1, size_t base, size_t at,
                           table_span *span, int n_want, table_record *r);

enum { CRM_TABLE_FAULT_MAX = 160 };
/* What is wrong with a record that should have n fields, for a message. */
const char *crm_table_fault_text(const crm_table_def *t, const table_source *s,
                                 const table_record *r, int n, char out[CRM_TABLE_FAULT_MAX]);

/* A field without its quotes (when there are such), doubled ones single, Latin-1 as UTF-8; into
 * scratch where it is not as it stands.  Not trimmed. */
CRM_CHECKED crm_table_field_text(const char **text, size_t *len, bool quotes, bool latin1,
                                 char **scratch, size_t *cap);

/* ---- values ---- */
/* Whole text as a number, correctly rounded; false when it is not a finite one. */
bool crm_table_real(const char *text, size_t len, char decimal, double *out);
bool crm_table_whole(const char *text, size_t len, int64_t *out);
enum { CRM_TABLE_DIGITS_MAX = 64 };
/* A number as the column has it: without what it strips, and without marks between thousands. */
bool crm_table_field_real(const crm_field *f, const char *text, size_t len, double *out);
bool crm_table_field_whole(const crm_field *f, const char *text, size_t len, int64_t *out);
/* A number without the marks between its thousands ("1,234.5"); bytes of it, 0 when it has none of
 * them or they do not stand between groups of three digits. */
size_t crm_table_ungroup(const char *text, size_t len, char mark, char decimal,
                         char out[CRM_TABLE_DIGITS_MAX]);

/* Formats of times, made ready. */
typedef struct table_time_item {
    char what;              /* directive, or 0: the byte itself */
    unsigned char byte, at; /* at: in a text in which each number has its full width */
} table_time_item;
/* A format of which each number has its full width, for texts of just that length: each byte is a
 * digit or known. */
enum { TABLE_TIME_WORDS = 3 };
typedef struct table_time_fixed {
    size_t width; /* 0: there is none */
    uint64_t known[TABLE_TIME_WORDS], is_known[TABLE_TIME_WORDS], is_digit[TABLE_TIME_WORDS];
    int at[6]; /* year, month, day, hour, minute, second; -1: not there */
} table_time_fixed;
typedef struct table_time {
    bool iso;
    int n, width; /* width -1: not all items have one */
    table_time_item item[64];
    table_time_fixed fixed[3];
} table_time;
/* false: the format has an unknown directive or is too long. */
bool crm_table_time_make(const char *format, table_time *t);
/* TABLE_PAD bytes behind the text may be read. */
bool crm_table_time_read(const table_time *t, const char *text, size_t len, int64_t *out);

/* Rows are added to the columns of a frame batch by batch; rows: there are no more, bytes: of the
 * part. */
typedef struct table_filler table_filler;
CRM_CHECKED crm_table_filler_new(const crm_table_schema *s, int table, table_frame *f,
                                 table_rejects *rejects, int64_t rows, size_t bytes,
                                 table_filler **out);
/* Rows of the batch, all from source s (file number file). */
CRM_CHECKED crm_table_filler_add(table_filler *x, const table_source *s, int file, table_batch *b);
void crm_table_filler_free(table_filler **x);
/* What has been left out. */
int64_t crm_table_filler_skipped(const table_filler *x);
/* A record is broken: CRM_ERR_FORMAT when that ends the import, else it is noted. */
CRM_CHECKED crm_table_filler_broken(table_filler *x, const table_source *s, const table_record *r,
                                    int64_t line);
/* Levels of all ranks and their codes, counts.  Collective. */
CRM_CHECKED crm_table_filler_end(crm_comm *comm, table_filler *x);

/* ---- rejects ---- */
/* The table whose lines come next; all ranks name the same tables in the same order. */
CRM_CHECKED crm_table_rejects_table(table_rejects *r, const char *table);
#endif
