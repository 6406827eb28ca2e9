/* record_facts.c - what computed a result: program, libraries, machine, job and environment. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "crmpi/store.h"
#include "record_impl.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

extern char **environ;

/* Instruction sets that our kernels choose by, of the first processor. */
static void cpu_features(const char *flags, crm_str *out)
{
    static const char *const known[] = {"avx2",     "fma",      "avx512f",
                                        "avx512dq", "avx512bw", "avx512vl"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        for (const char *p = flags; (p = strstr(p, known[i])); p += n)
            if (p > flags && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0')) {
                crm_str_addf(out, "%s%s", out->len ? " " : "", known[i]);
                break;
            }
    }
}

/* Linux says in /proc/cpuinfo what there is; elsewhere the notes stay away. */
static crm_status note_cpu(crm_record *r)
{
    char line[8192], model[256] = "";
    crm_str features = {0};
    FILE *f = fopen("/proc/cpuinfo", "r");
    crm_status st = CRM_OK;

    if (!f) return CRM_OK;
    while (fgets(line, sizeof line, f) && !features.text) {
        sscanf(line, "model name : %255[^\n]", model);
        if (strncmp(line, "flags", 5) == 0) cpu_features(line, &features);
    }
    fclose(f);
    if (features.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: cpu.features");
    if (!st && model[0]) st = crm_record_note_text(r, "cpu.model", model);
    if (!st && features.text) st = crm_record_note_text(r, "cpu.features", features.text);
    if (!st) st = crm_record_note_i64(r, "cpu.cores", sysconf(_SC_NPROCESSORS_ONLN));
    crm_str_free(&features);
    return st;
}

static crm_status note_libraries(crm_record *r)
{
    CRM_TRY(crm_record_note_text(r, "program.mpi", crm_comm_library()));
    CRM_TRY(crm_record_note_text(r, "program.hdf5", crm_store_library()));
#ifdef __GLIBC__ /* libm is a part of it */
    CRM_TRY(crm_record_note_text(r, "program.glibc", gnu_get_libc_version()));
#endif
    return CRM_OK;
}

static crm_status note_program(crm_record *r)
{
    CRM_TRY(crm_record_note_text(r, "program.version", CRM_VERSION));
    if (crm_build_commit[0]) CRM_TRY(crm_record_note_text(r, "program.commit", crm_build_commit));
    CRM_TRY(crm_record_note_text(r, "program.compiler", COMPILER));
    CRM_TRY(crm_record_note_text(r, "program.build", crm_build_type));
    CRM_TRY(crm_record_note_text(r, "program.flags", crm_build_flags));
    return note_libraries(r);
}

static crm_status note_kernel(crm_record *r)
{
    struct utsname u;
    char text[512];

    if (uname(&u) != 0) return CRM_OK;
    snprintf(text, sizeof text, "%.120s %.120s %.120s", u.sysname, u.release, u.machine);
    return crm_record_note_text(r, "kernel", text);
}

/* ---- job and environment ---- */

/* Of the variables of Slurm those that tell one job from another; named as there, in lower case. */
static crm_status note_job(crm_record *r)
{
    static const char *const known[][2] = {
        {"SLURM_JOB_ID", "slurm.job_id"},
        {"SLURM_ARRAY_JOB_ID", "slurm.array_job_id"},
        {"SLURM_ARRAY_TASK_ID", "slurm.array_task_id"},
        {"SLURM_RESTART_COUNT", "slurm.restart_count"},
        {"SLURM_JOB_NAME", "slurm.job_name"},
        {"SLURM_JOB_PARTITION", "slurm.job_partition"},
        {"SLURM_CLUSTER_NAME", "slurm.cluster_name"},
        {"SLURM_JOB_NUM_NODES", "slurm.job_num_nodes"},
        {"SLURM_NTASKS", "slurm.ntasks"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *value = getenv(known[i][0]);
        if (value) CRM_TRY(crm_record_note_text(r, known[i][1], value));
    }
    return CRM_OK;
}

static bool begins(const char *text, const char *const *with, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(text, with[i], strlen(with[i])) == 0) return true;
    return false;
}

/* Whether a variable can change what is computed, or how fast. */
static bool matters(const char *variable)
{
    static const char *const prefix[] = {
        "CRM_",   "OMP_",   "GOMP_",   "KMP_",        "OPENBLAS_",       "CUDA_",     "CUBLAS_",
        "CUDNN_", "NCCL_",  "NVIDIA_", "HDF5_",       "GLIBC_",          "OMPI_MCA_", "PMIX_MCA_",
        "UCX_",   "MPICH_", "FI_",     "LD_PRELOAD=", "LD_LIBRARY_PATH="};
    /* What mpirun tells its ranks, other in each start. */
    static const char *const launcher[] = {
        "OMPI_MCA_orte_", "OMPI_MCA_ess",
        "OMPI_MCA_pmix=", "OMPI_MCA_shmem_RUNTIME_QUERY_hint=", "OMPI_MCA_initial_wdir="};

    return begins(variable, prefix, sizeof prefix / sizeof *prefix) &&
           !begins(variable, launcher, sizeof launcher / sizeof *launcher);
}

/* Names may hold dots, so they are no paths. */
static crm_status note_environment(crm_record *r)
{
    json_t *all = json_object();

    for (char **v = environ; all && v && *v; v++) {
        const char *equals = strchr(*v, '=');
        char name[256];
        if (!equals || !matters(*v)) continue;
        snprintf(name, sizeof name, "%.*s", (int)(equals - *v), *v);
        json_object_set_new(all, name, crm_record_json_text(equals + 1));
    }
    return crm_record_put(r, "environment", all);
}

static crm_status note_starts(crm_record *r)
{
    json_t *all = crm_record_starts(r->dir);
    size_t n = json_array_size(all);

    CRM_TRY(crm_record_put(r, "time.starts", all));
    return crm_record_note_i64(r, "time.resumes", n > 0 ? (int64_t)n - 1 : 0);
}

crm_status crm_record_facts(crm_record *r)
{
    char folder[CRM_PATH_MAX];

    CRM_TRY(note_program(r));
    CRM_TRY(note_cpu(r));
    CRM_TRY(note_kernel(r));
    CRM_TRY(note_job(r));
    CRM_TRY(note_environment(r));
    CRM_TRY(note_starts(r));
    if (!getcwd(folder, sizeof folder)) return CRM_OK; /* it was removed behind our back */
    return crm_record_note_text(r, "working_folder", folder);
}
