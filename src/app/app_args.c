/* app_args.c - command line and help. */
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_mem.h"

bool app_is_root(const app *a)
{
    return !a->world || crm_comm_rank(a->world) == 0;
}

/* Options that take a value, and where it goes. */
static const struct {
    const char *name;
    size_t offset;
    const char *command; /* the only one that takes it; NULL: any */
} VALUED[] = {
    {"--out", offsetof(app_args, out), NULL},
    {"--model", offsetof(app_args, model), NULL},
    {"--init", offsetof(app_args, init), "train"},
    {"--weights", offsetof(app_args, weights), "predict"},
    {"--replay", offsetof(app_args, replay), "train"},
    {"--units", offsetof(app_args, units), "verify"},
    {"--ids", offsetof(app_args, ids), "forget"},
    {"--runs", offsetof(app_args, runs), "forget"},
    {"--format", offsetof(app_args, format), "embed"},
    {"--similarity", offsetof(app_args, similarity), "embed"},
    {"--analogy", offsetof(app_args, analogy), "embed"},
    {"--embedding", offsetof(app_args, vectors), "segments"}, /* for predict a switch */
    {"--config", offsetof(app_args, config), "text"},
    {"--lexicon", offsetof(app_args, lexicon), "annotate"},
    {"--aspects", offsetof(app_args, aspects), "annotate"},
    {"--emotions", offsetof(app_args, emotions), "annotate"},
    {"--parts", offsetof(app_args, parts), "annotate"},
    {"--simulate", offsetof(app_args, simulate), "sweep"},
    {"--array", offsetof(app_args, array), "sweep"},
};
static const struct {
    const char *name;
    size_t offset;
} SWITCHES[] = {
    {"--help", offsetof(app_args, help)},
    {"-h", offsetof(app_args, help)},
    {"--version", offsetof(app_args, version)},
    {"--options-markdown", offsetof(app_args, markdown)},
    {"--embedding", offsetof(app_args, embedding)},
    {"--profile", offsetof(app_args, profile)},
    {"--propose", offsetof(app_args, propose)},
    {"--append", offsetof(app_args, append)},
    {"--json", offsetof(app_args, json)},
    {"--whole", offsetof(app_args, whole)},
    {"--allow-target", offsetof(app_args, allow_target)},
    {"--dry-run", offsetof(app_args, dry_run)},
    {"--status", offsetof(app_args, status)},
    {"--join", offsetof(app_args, join)},
};

/* Value of an option given as "--name value" or "--name=value"; NULL when argv[*i] is another one.
 */
static const char *value_of(const char *name, int argc, char **argv, int *i, bool *missing)
{
    size_t n = strlen(name);

    if (strncmp(argv[*i], name, n) != 0) return NULL;
    if (argv[*i][n] == '=') return argv[*i] + n + 1;
    if (argv[*i][n] != '\0') return NULL;
    *missing = *i + 1 >= argc;
    return *missing ? "" : argv[++*i];
}

static crm_status take_option(int argc, char **argv, int *i, app_args *args)
{
    const char *arg = argv[*i], *v;
    bool missing = false, segments = args->command && strcmp(args->command, "segments") == 0;

    for (size_t k = 0; k < sizeof SWITCHES / sizeof *SWITCHES; k++)
        if (strcmp(arg, SWITCHES[k].name) == 0 &&
            !(segments && SWITCHES[k].offset == offsetof(app_args, embedding))) {
            *(bool *)((char *)args + SWITCHES[k].offset) = true;
            return CRM_OK;
        }
    v = value_of("--set", argc, argv, i, &missing);
    if (v) args->set[args->n_set++] = v;
    for (size_t k = 0; !v && k < sizeof VALUED / sizeof *VALUED; k++) {
        v = value_of(VALUED[k].name, argc, argv, i, &missing);
        if (v) memcpy((char *)args + VALUED[k].offset, &v, sizeof v);
        if (v && VALUED[k].offset == offsetof(app_args, model)) args->models[args->n_models++] = v;
    }
    CRM_CHECK(v, CRM_ERR_CONFIG, "'%s' is not an option; crmpi --help lists them", arg);
    CRM_CHECK(!missing, CRM_ERR_CONFIG, "%s needs a value", arg);
    return CRM_OK;
}

/* --array I/N, or N with --status. */
static crm_status parse_array(app_args *args)
{
    const char *text = args->array, *slash = text ? strchr(text, '/') : NULL;
    const char *number = slash ? slash + 1 : text;
    int64_t share = -1, shares = 0;

    if (!text) return CRM_OK;
    CRM_CHECK(crm_parse_i64(number, strlen(number), &shares) && shares >= 1 && shares <= 1000000 &&
                  (slash != NULL) == !args->status &&
                  (!slash || (crm_parse_i64(text, (size_t)(slash - text), &share) && share >= 0 &&
                              share < shares)),
              CRM_ERR_CONFIG,
              "--array: '%s', allowed: I/N, task I of N from 0, such as 3/16; with --status N",
              text);
    args->share = (int)share;
    args->shares = (int)shares;
    return CRM_OK;
}

crm_status app_parse(int argc, char **argv, app_args *args)
{
    CRM_NEW(args->set, argc);
    CRM_NEW(args->more, argc);
    CRM_NEW(args->models, argc);
    args->argc = argc;
    args->argv = argv;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1])
            CRM_TRY(take_option(argc, argv, &i, args));
        else if (!args->command)
            args->command = argv[i];
        else if (!args->operand)
            args->operand = argv[i];
        else if (strcmp(args->command, "compare") == 0 || strcmp(args->command, "import") == 0 ||
                 strcmp(args->command, "embed") == 0 || strcmp(args->command, "text") == 0 ||
                 (strcmp(args->command, "replay") == 0 && args->n_more == 0))
            args->more[args->n_more++] = argv[i];
        else
            CRM_FAIL(CRM_ERR_CONFIG,
                     "'%s' is one argument too many (after '%s'); option values are given as --set "
                     "key=value",
                     argv[i], args->operand);
    }
    CRM_TRY(parse_array(args));
    if (args->command && strcmp(args->command, "help") == 0) {
        args->help = true;
        args->command = args->operand;
    }
    return CRM_OK;
}

/* import --propose looks at any number of files, and reads no config. */
static crm_status check_propose(const app_args *args)
{
    bool is_import = strcmp(args->command, "import") == 0;

    CRM_CHECK(!args->propose || is_import, CRM_ERR_CONFIG,
              "--propose is an option of import, not of %s", args->command);
    CRM_CHECK(!args->append || is_import, CRM_ERR_CONFIG,
              "--append is an option of import, not of %s", args->command);
    CRM_CHECK(!args->append || !args->propose, CRM_ERR_CONFIG,
              "--append and --propose do not go together: one makes a data set, one a schema");
    CRM_CHECK(!args->propose || args->operand, CRM_ERR_CONFIG,
              "import --propose needs files: crmpi import --propose data/*.csv");
    CRM_CHECK(!is_import || args->propose || args->n_more == 0, CRM_ERR_CONFIG,
              "'%s' is one argument too many (after '%s'); option values are given as --set "
              "key=value",
              args->more[0], args->operand);
    return CRM_OK;
}

static crm_status check_sweep(const app_args *args)
{
    const char *looks = args->dry_run    ? "--dry-run"
                        : args->status   ? "--status"
                        : args->simulate ? "--simulate"
                                         : NULL;
    const char *name = looks ? looks : args->join ? "--join" : NULL;

    CRM_CHECK(!name || strcmp(args->command, "sweep") == 0, CRM_ERR_CONFIG,
              "%s is an option of sweep, not of %s", name, args->command);
    CRM_CHECK(args->dry_run + args->status + (args->simulate != NULL) <= 1, CRM_ERR_CONFIG,
              "--dry-run, --status and --simulate do not go together: each looks at a sweep in its "
              "own way");
    CRM_CHECK(
        !args->join || !args->array, CRM_ERR_CONFIG,
        "--join and --array do not go together: one takes any units, one those of its number");
    CRM_CHECK(!looks || !(args->join || (args->array && !args->status)), CRM_ERR_CONFIG,
              "%s runs nothing, so %s has no meaning", looks, args->join ? "--join" : "--array");
    return CRM_OK;
}

crm_status app_check_args(const app_args *args)
{
    const char *value;

    for (size_t k = 0; k < sizeof VALUED / sizeof *VALUED; k++) {
        memcpy(&value, (const char *)args + VALUED[k].offset, sizeof value);
        CRM_CHECK(!value || !VALUED[k].command || strcmp(args->command, VALUED[k].command) == 0,
                  CRM_ERR_CONFIG, "%s is an option of %s, not of %s", VALUED[k].name,
                  VALUED[k].command, args->command);
    }
    CRM_CHECK(args->n_set == 0 ||
                  (strcmp(args->command, "compare") != 0 && strcmp(args->command, "report") != 0 &&
                   strcmp(args->command, "describe") != 0 && strcmp(args->command, "forget") != 0),
              CRM_ERR_CONFIG, "--set has no effect on %s: it has no options", args->command);
    CRM_CHECK(!args->whole || strcmp(args->command, "text") == 0, CRM_ERR_CONFIG,
              "--whole is an option of text, not of %s", args->command);
    CRM_CHECK(!args->json || args->simulate || strcmp(args->command, "text") == 0, CRM_ERR_CONFIG,
              "--json is an option of text and of sweep --simulate, not of %s", args->command);
    CRM_CHECK(!args->embedding || strcmp(args->command, "predict") == 0, CRM_ERR_CONFIG,
              "--embedding is an option of predict, not of %s", args->command);
    CRM_CHECK(!args->allow_target || strcmp(args->command, "annotate") == 0, CRM_ERR_CONFIG,
              "--allow-target is an option of annotate, not of %s", args->command);
    CRM_TRY(check_sweep(args));
    CRM_CHECK(!args->profile || strcmp(args->command, "train") == 0 ||
                  strcmp(args->command, "crossval") == 0,
              CRM_ERR_CONFIG, "--profile is an option of train and crossval, not of %s",
              args->command);
    return check_propose(args);
}

static void print_commands(void)
{
    printf("crmpi %s: train and compare models of customer data on MPI ranks\n\n", CRM_VERSION);
    printf("  crmpi <command> [CONFIG.yaml | RUN... | DATASET] [--set key=value]... [--out DIR]\n");
    printf("  mpirun -n 4 crmpi <command> ...      srun --mpi=pmix crmpi <command> ...\n\n");
    for (const app_command *c = app_commands; c->name; c++)
        printf("  %-9s %-14s %s\n", c->name, c->operand, c->help);
    printf("\n  crmpi <command> --help               options and their defaults\n");
    printf("  crmpi --version\n\n");
    printf("Exit codes: 0 done; 2 usage or config; 3 data or files; 4 numeric or not reproduced;\n"
           "5 communication, device or memory; 75 stopped by a signal, run again; 70 a bug of "
           "crmpi.\n");
}

crm_status app_print_help(const app *a, const app_command *c)
{
    if (!c) {
        print_commands();
        return CRM_OK;
    }
    printf("crmpi %s %s\n  %s\n\n", c->name, c->operand, c->help);
    printf("  --set KEY=VALUE   set one option; may be repeated, later ones win\n");
    printf(
        "  --out PATH        run folder (predict: file for the CSV; annotate: the new data set)\n");
    printf("  --model NAME      predict: which model of the run\n");
    printf("  --model PATH      text: a run or a model file, which says what it makes of each "
           "text; may "
           "be\n                    repeated\n");
    printf("  --model PATH      annotate: likewise; may be repeated\n");
    printf("  --lexicon FILE    annotate: valences of words, in the format of VADER\n");
    printf("  --aspects FILE    annotate: aspects and their patterns of words, as YAML\n");
    printf("  --emotions FILE   annotate: emotions of words, in lines of word, emotion, 0 or 1\n");
    printf("  --parts FILE      annotate: which of the models, from 0, reads each customer; a line "
           "a row\n");
    printf("  --allow-target    annotate: also by a model of a target that the data set has\n");
    printf("  --config FILE     text: options from this file\n");
    printf("  --whole           text: each file is one text, not each line\n");
    printf("  --json            text, sweep --simulate: as JSON\n");
    printf("  --weights FILE    predict: parameters of the net from an HDF5 file, by name\n");
    printf("  --embedding       predict: the learnt vector of each row; --out FILE.h5 for HDF5\n");
    printf("  --embedding FILE  segments: group by these vectors of predict --embedding\n");
    printf("  --ids FILE        forget: the ids to be taken out, one a line\n");
    printf("  --runs DIR        forget: where runs that learnt from them are looked for; default: "
           "beside DATASET\n");
    printf("  --format NAME     embed: glove, word2vec or binary, how --out is written\n");
    printf("  --similarity FILE embed: people's scores of pairs of words, to compare with\n");
    printf("  --analogy FILE    embed: questions \"a b c d\", to be answered\n");
    printf("  --propose FILE... import: write a schema for these files, to be edited; to --out\n");
    printf("  --append          import: put the files of data.path behind those that data.store is "
           "made of\n");
    printf("  --dry-run         sweep: print the trials that are known without a result, run "
           "nothing\n");
    printf("  --status          sweep: how far a sweep is; the operand is its run folder\n");
    printf(
        "  --simulate RANKS  sweep: how long it would take on so many ranks, and how much of their "
        "time would\n                    be useful; of a config, or with times of a run\n");
    printf("  --join            sweep: work on RUN beside other jobs, or begin it\n");
    printf("  --array I/N       sweep: likewise, but only those units that are known by now and of "
           "task I of N;\n                    --status --array N: tasks for what is missing "
           "(default 16)\n");
    printf("  --units N         verify: a sample of N units, spread over models and folds\n");
    printf("  --init FILE       train: initial parameters of nets, likewise\n");
    printf("  --replay [PHASE:]STEP\n                    train: tell that step of each net's fit, "
           "write nothing\n");
    printf(
        "  --profile         train, crossval: where the time goes, as a table on stderr, each "
        "layer\n                    too; waits for a GPU at each range and leaves graphs out, so "
        "it is\n                    slower\n\nOptions:\n");
    return crm_opt_set_write_help(a->opts, stdout);
}
