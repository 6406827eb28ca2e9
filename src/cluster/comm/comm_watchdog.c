/* comm_watchdog.c - a thread that ends the process when the main thread has waited for other ranks
 * too long.
 *
 * The main thread cannot give up a collective call, and with MPI_THREAD_FUNNELED no other thread
 * may call MPI, not even MPI_Abort.  What is left is to leave: a launcher that sees a rank end with
 * an error ends the others.  The main thread may hold any lock meanwhile, so that nothing here
 * takes one of stdio or malloc once a limit has passed.
 *
 * The main thread reads no clock: entering and leaving a section counts one number up, and how long
 * a number has stood is known to a poll.  All times here are of polls, so that time in which the
 * process was stopped is in none of them. */
#include "crmpi/comm_watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm_impl.h"
#include "comm_watchdog_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_stop.h"

enum { NONE = 0, POLL_MS = 100, EXIT_LOST = 5, DEPTH = 16, NOTE = 200, LINE = 1024 };
enum { ALONE = 10 }; /* limits that a rank waits where it can ask nobody, or may write */
static const int64_t ms = 1000000; /* nanoseconds */
static const int64_t second = 1000000000;
static const int64_t hear_every = 1000000000; /* ns between looks at files, and writings */
static const double grown = 10;               /* limit of a kind in waits of that kind that ended */

const char *const crm_section_names[CRM_SECTION_COUNT] = {"import", "load", "step", "reduction",
                                                          "checkpoint"};

#define S crm_watchdog_cfg
const crm_opt crm_watchdog_opts[] = {
    CRM_OPT_R(S, limit, "watchdog.limit", 120, 0, 1e6, "s", CRM_OPT_LAYOUT,
              "How long a rank may wait in one place before it asks the others; when one of them "
              "does not answer, the job ends with exit code 5; 0: wait for ever."),
    {.key = NULL},
};
#undef S

typedef enum role { IDLE, ASKS, FOLLOWS } role; /* in an inquiry */

static struct watchdog {
    /* Of the main thread, for the other one. */
    _Atomic int64_t now;   /* events << 8 | section */
    _Atomic int64_t step;  /* -1: none */
    _Atomic int64_t until; /* deadline on the clock of clock_ns; limit and text go with it */
    _Atomic double armed;
    _Atomic(const char *) what;
    char note[NOTE];
    _Atomic bool noted;
    /* Of the main thread alone. */
    unsigned char stack[DEPTH];
    int depth;
    int64_t events;
    bool runs, refused; /* the thread is there; could not be started */
    /* Under the lock, as all that follows. */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    int rank, clear_from;   /* this rank's file, and those that it removes at the end */
    clockid_t main;         /* CPU clock of the main thread */
    double limit;           /* s; 0: sections are not watched */
    char dir[CRM_PATH_MAX]; /* "": nobody can be asked */
    bool temporary;         /* it is one of ours in /tmp */
    int64_t answer_in;
    health_ranks ranks;
    /* Of the thread. */
    int64_t last, time;                    /* of the last poll; that polls have seen pass, ns */
    int64_t seen, age;                     /* the number that stands, and for how long, ns */
    double main_cpu;                       /* of the main thread when it began to */
    double longest[CRM_SECTION_COUNT + 1]; /* s of a wait that ended */
    double next, warn;                     /* s of age at which it asks, and at which it says so */
    role role;
    int64_t since;        /* time at which that began */
    int64_t hear, answer; /* time of the next look at files, and until when to write */
    int64_t beat;
    bool written; /* the last writing went well */
    /* Signs of life. */
    int64_t next_beat, next_listen;
    int64_t heard, heard_at; /* number of the next rank's file, and the time since when it stands */
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .step = -1, .now = HEALTH_OUTSIDE, .seen = -1};

static _Thread_local bool is_main;

static int64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * second + t.tv_nsec;
}

static double in_seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

/* ---- what this rank does ---- */

/* Before the first look, -1, none. */
static int section_of(int64_t now)
{
    return now < 0 ? HEALTH_OUTSIDE : (int)(now & 0xff);
}

static double base_limit(void)
{
    return dog.dir[0] ? dog.limit : ALONE * dog.limit;
}

/* A process that waits in fsync until gigabytes are on their disk looks like one that is blocked.
 */
static double own_limit(void)
{
    int s = section_of(dog.seen);
    double most = grown * dog.longest[s];
    double least = s == CRM_IN_CHECKPOINT ? ALONE * dog.limit : base_limit();

    return most > least ? most : least;
}

static health own(void)
{
    health h = {.rank = dog.rank,
                .pid = (int)getpid(),
                .section = section_of(dog.seen),
                .step = atomic_load(&dog.step),
                .waited = in_seconds(dog.age),
                .limit = own_limit(),
                .beat = dog.beat,
                .events = dog.seen >> 8};

    if (dog.ranks.place)
        memcpy(h.host, dog.ranks.place[dog.rank].host, sizeof h.host);
    else
        crm_comm_host(h.host, sizeof h.host);
    crm_health_sample(&h, dog.main);
    h.main_cpu -= dog.main_cpu;
    return h;
}

/* Whether files may be written to and removed from the folder. */
static bool has_folder(void)
{
    return dog.dir[0] && (!dog.temporary || crm_health_is_private(dog.dir));
}

static health tell_own(const char *verdict)
{
    health h;

    dog.beat++;
    h = own();
    dog.written = crm_health_write(dog.dir, &h, verdict);
    return h;
}

/* ---- lines ---- */

static void put(const char *line, size_t n)
{
    ssize_t k;

    for (size_t at = 0; at < n; at += (size_t)k)
        if ((k = write(STDERR_FILENO, line + at, n - at)) <= 0) break;
}

/* "crmpi: KIND: rank 1 (host h): TEXT\n" */
static void say(const char *kind, const char *text)
{
    health h = own();
    char line[LINE + CRM_PATH_MAX + 256];
    int n = snprintf(line, sizeof line, "crmpi: %s: rank %d (host %s): %s\n", kind, dog.rank,
                     h.host, text);

    put(line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

static void leave(const char *text)
{
    char line[LINE + CRM_PATH_MAX + 64];
    bool stays = has_folder() && !dog.temporary;

    if (has_folder()) (void)tell_own(text);
    snprintf(line, sizeof line, "%s%s%s", text, stays ? "; what each rank did: " : "",
             stays ? dog.dir : "");
    say("error", line);
    crm_stop_clean();
    if (dog.temporary && has_folder())
        crm_health_clear(dog.dir, 0, dog.ranks.n); /* nobody would look there */
    _exit(EXIT_LOST);
}

static const char *note(void)
{
    return atomic_load(&dog.noted) ? dog.note : "";
}

/* After arm; found says more about others, or nothing. */
static void leave_armed(const char *found)
{
    char text[LINE];

    snprintf(text, sizeof text,
             "no answer of the other ranks for %g s while %s; is a rank stuck or its node lost? "
             "%s%s%s%sfinished units are kept, run the same command again",
             atomic_load(&dog.armed), atomic_load(&dog.what), found, found[0] ? "; " : "", note(),
             note()[0] ? "; " : "");
    leave(text);
}

/* "step at step 812" */
static void here(char *out, size_t cap)
{
    int64_t step = atomic_load(&dog.step);
    int s = section_of(dog.seen);
    char at[48] = "";

    if (step >= 0) snprintf(at, sizeof at, " at step %lld", (long long)step);
    snprintf(out, cap, "%s%s", s < CRM_SECTION_COUNT ? crm_section_names[s] : "no section", at);
}

static void waited(char *out, size_t cap)
{
    char place[64];

    here(place, sizeof place);
    snprintf(out, cap, "waited %.0f s in %s", in_seconds(dog.age), place);
}

static void leave_section(const char *found)
{
    char text[LINE], wait[96];

    waited(wait, sizeof wait);
    snprintf(text, sizeof text, "%s; %s%s%s%sfinished work is kept, run the same command again",
             wait, found, found[0] ? "; " : "", note(), note()[0] ? "; " : "");
    leave(text);
}

/* The main thread need not wait meanwhile. */
static void leave_beat(const char *found)
{
    char text[LINE], place[96];

    here(place, sizeof place);
    snprintf(text, sizeof text,
             "heard nothing for %.0f s, in %s; %s%s%s; finished work is kept, run the same command "
             "again",
             in_seconds(dog.time - dog.heard_at), place, found, note()[0] ? "; " : "", note());
    leave(text);
}

/* Both lines of one wait in its first, second, fourth ... limit. */
static void warn(const char *found)
{
    char text[LINE], wait[96];

    if (crm_log_get_level() < CRM_LOG_WARN) return;
    waited(wait, sizeof wait);
    snprintf(text, sizeof text, "%s for %s; it goes on waiting (watchdog.limit)", wait, found);
    say("warning", text);
}

/* ---- an inquiry ---- */

static bool armed_is_over(void)
{
    int64_t until = atomic_load(&dog.until);

    return until != NONE && clock_ns() >= until;
}

static bool section_is_over(void)
{
    return dog.limit > 0 && section_of(dog.seen) != HEALTH_OUTSIDE &&
           in_seconds(dog.age) >= dog.next;
}

/* ---- signs of life ---- */

/* Ranks beat in a ring: each writes its file and looks at that of the next one, whatever their main
 * threads do, so that one that is stopped is found while nobody waits for it. */
static bool beats(void)
{
    return dog.limit > 0 && dog.dir[0] && dog.ranks.n > 1;
}

static int64_t beat_every(void)
{
    int64_t quarter = (int64_t)(dog.limit / 4 * (double)second);

    return quarter > second ? quarter : second;
}

/* Since a change was seen, which may have been made one interval before. */
static bool beat_is_over(void)
{
    int64_t every = beat_every(), most = (int64_t)(dog.limit * (double)second) - every;

    return beats() && dog.heard > 0 &&
           dog.time - dog.heard_at >= (most > 2 * every ? most : 2 * every);
}

static bool make_folder(void)
{
    if (dog.temporary || access(dog.dir, F_OK) != 0)
        (void)mkdir(dog.dir, dog.temporary ? 0700 : 0777);
    return has_folder();
}

static void beat(void)
{
    dog.next_beat = dog.time + beat_every();
    if (make_folder()) (void)tell_own(NULL);
}

/* A rank without a file has ended, or cannot write: it is not waited for here. */
static void listen_to_next(void)
{
    health h;

    dog.next_listen = dog.time + beat_every();
    crm_health_read(dog.dir, (dog.ranks.self + 1) % dog.ranks.n, &h);
    if (h.beat == dog.heard && h.beat > 0) return;
    dog.heard = h.beat;
    dog.heard_at = dog.time;
}

static void keep_beating(void)
{
    if (!beats()) return;
    if (dog.time >= dog.next_beat) beat();
    if (dog.time >= dog.next_listen || (dog.role == IDLE && beat_is_over())) listen_to_next();
}

static void drop_inquiry(void)
{
    if (dog.role == ASKS) crm_health_unask(dog.dir);
    dog.role = IDLE;
}

/* The wait is a healthy one so far; found: what for, or NULL where another rank says so. */
static void go_on(double seconds, const char *found)
{
    double age = in_seconds(dog.age);
    double most = base_limit();

    drop_inquiry();
    if (!(seconds > 0 && seconds < most)) seconds = most;
    dog.next = age + (seconds > 1 ? seconds : 1);
    if (age < dog.warn) return;
    dog.warn = 2 * age;
    if (found) warn(found);
}

/* No folder, no space: as without one. */
static void cannot_ask(void)
{
    if (section_is_over() && in_seconds(dog.age) >= ALONE * dog.limit)
        leave_section("no rank can be asked, as its folder cannot be written");
}

/* An exchange that fails means that the main thread has just got its answer. */
static void decide(void)
{
    int who;
    double again;
    int64_t until = atomic_load(&dog.until);
    bool armed = armed_is_over();
    health_verdict v = crm_health_judge(&dog.ranks, &who, &again);
    char found[LINE / 2];

    crm_health_tell(&dog.ranks, v, who, found, sizeof found);
    if (!dog.written) v = HEALTH_GOES_ON; /* others may not be able to write, either */
    if (armed && atomic_compare_exchange_strong(&dog.until, &until, NONE))
        leave_armed(v == HEALTH_GOES_ON ? "" : found);
    if (!section_is_over() && !armed) {
        if (v == HEALTH_SILENT) leave_beat(found);
        dog.heard_at = dog.time;
        drop_inquiry();
        return;
    }
    if (v != HEALTH_GOES_ON && atomic_load(&dog.now) == dog.seen) leave_section(found);
    if (!dog.written) cannot_ask();
    go_on(again, again > 0 || !dog.written ? NULL : found);
}

static void ask(void)
{
    health h;
    int made;

    made = make_folder() ? crm_health_ask(dog.dir) : -1;

    if (made < 0) {
        dog.role = IDLE;
        dog.next = in_seconds(dog.age) + dog.limit;
        cannot_ask();
        return;
    }
    dog.role = made ? ASKS : FOLLOWS;
    dog.since = dog.time;
    h = tell_own(NULL);
    if (made) crm_health_begin(dog.dir, &dog.ranks, &h);
}

/* Another rank has asked; it may be stopped itself. */
static void follow(void)
{
    if (!crm_health_asked(dog.dir)) {
        go_on(0, NULL);
    } else if (dog.time - dog.since > 5 * dog.answer_in / 2) {
        crm_health_unask(dog.dir);
        dog.role = IDLE;
        ask();
    }
}

/* Once in a second: files. */
static void exchange(void)
{
    if (dog.time < dog.hear || (dog.ranks.n == 1 && dog.role == IDLE)) return;
    dog.hear = dog.time + hear_every;
    if (!has_folder()) {
        dog.role = IDLE;
        return;
    }
    if (crm_health_asked(dog.dir)) dog.answer = dog.time + 3 * dog.answer_in;
    if (dog.role == IDLE && dog.time >= dog.answer) return;
    health h = tell_own(NULL);
    if (dog.role == ASKS) crm_health_hear(dog.dir, &dog.ranks, &h);
    if (dog.role == FOLLOWS) follow();
}

/* Nobody can be asked. */
static void attend_alone(void)
{
    int64_t until = atomic_load(&dog.until);

    if (armed_is_over() && atomic_compare_exchange_strong(&dog.until, &until, NONE))
        leave_armed("");
    if (section_is_over()) leave_section("the others cannot be asked from here");
}

static void attend(void)
{
    bool over;

    if (!dog.dir[0]) {
        attend_alone();
        return;
    }
    exchange();
    keep_beating();
    over = section_is_over() || armed_is_over() || beat_is_over();
    if (dog.role == IDLE && over) ask();
    if (dog.role != IDLE && !over) drop_inquiry();
    if (dog.role == ASKS && dog.time - dog.since >= dog.answer_in) decide();
}

/* ---- polls ---- */

static void begin_wait(int64_t now)
{
    double age = in_seconds(dog.age);

    if (dog.seen >= 0 && age > dog.longest[section_of(dog.seen)])
        dog.longest[section_of(dog.seen)] = age;
    dog.seen = now;
    dog.age = 0;
    dog.next = dog.warn = base_limit();
    dog.main_cpu = crm_health_cpu(dog.main);
}

/* A thread that did not run for long was stopped with the whole process; what the main thread
 * could not wait for in that time is not held against the others, and they are asked anew. */
static void look(void)
{
    int64_t clock = clock_ns(), passed = clock - dog.last, until = atomic_load(&dog.until);
    int64_t now = atomic_load(&dog.now);
    bool stopped = passed > 10 * POLL_MS * ms;

    dog.last = clock;
    if (stopped) {
        if (until != NONE) atomic_compare_exchange_strong(&dog.until, &until, until + passed);
        drop_inquiry();
    } else {
        dog.time += passed;
        dog.age += passed;
    }
    if (now != dog.seen) begin_wait(now);
    if (stopped) return;
    attend();
    dog.last = clock_ns(); /* files of thousands of ranks take seconds: no stop, nor a wait */
}

static void *loop(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&dog.lock);
    while (!dog.stop) {
        int64_t next = clock_ns() + POLL_MS * ms;
        struct timespec t = {(time_t)(next / second), (long)(next % second)};
        pthread_cond_timedwait(&dog.wake, &dog.lock, &t);
        look();
    }
    pthread_mutex_unlock(&dog.lock);
    return NULL;
}

/* ---- the main thread ---- */

/* Signals are for the main thread.  The time of the last poll is one before the thread was made: it
 * may be stopped before it first runs. */
static bool start(void)
{
    pthread_condattr_t clock;
    sigset_t all, old;
    bool ok;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.wake, &clock);
    pthread_condattr_destroy(&clock);
    dog.stop = false;
    dog.last = clock_ns();
    dog.seen = -1;
    dog.role = IDLE;
    dog.hear = dog.answer = dog.time = 0;
    dog.heard = dog.heard_at = dog.next_beat = dog.next_listen = 0;
    if (pthread_getcpuclockid(pthread_self(), &dog.main) != 0) dog.main = CLOCK_PROCESS_CPUTIME_ID;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    ok = pthread_create(&dog.thread, NULL, loop, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!ok) pthread_cond_destroy(&dog.wake);
    return ok;
}

static void need_thread(void)
{
    if (dog.runs || dog.refused) return;
    dog.runs = start();
    dog.refused = !dog.runs;
    if (dog.refused)
        crm_log_line(CRM_LOG_WARN, "comm",
                     "no thread for the watchdog: a rank that is stuck will not be noticed");
}

void crm_watchdog_rank(int rank)
{
    dog.rank = rank;
}

static void publish(int section)
{
    atomic_store_explicit(&dog.now, ++dog.events << 8 | section, memory_order_relaxed);
}

void crm_watchdog_enter(crm_section s)
{
    if (!is_main) return;
    if (dog.depth < DEPTH) dog.stack[dog.depth] = (unsigned char)s;
    dog.depth++;
    publish((int)s);
}

void crm_watchdog_leave(void)
{
    if (!is_main || dog.depth == 0) return;
    dog.depth--;
    publish(dog.depth == 0      ? HEALTH_OUTSIDE
            : dog.depth < DEPTH ? dog.stack[dog.depth - 1]
                                : dog.stack[DEPTH - 1]);
}

void crm_watchdog_step(int64_t step)
{
    if (is_main) atomic_store_explicit(&dog.step, step, memory_order_relaxed);
}

void crm_watchdog_note(const char *text)
{
    if (atomic_load(&dog.noted)) return; /* the first is the cause */
    snprintf(dog.note, sizeof dog.note, "%s", text);
    atomic_store(&dog.noted, true);
}

void crm_watchdog_arm(double seconds, const char *what)
{
    need_thread();
    atomic_store(&dog.until, NONE); /* the texts belong to no deadline while they change */
    atomic_store(&dog.armed, seconds);
    atomic_store(&dog.what, what);
    atomic_store(&dog.until, clock_ns() + (int64_t)(seconds * (double)second));
}

void crm_watchdog_disarm(void)
{
    atomic_store(&dog.until, NONE);
}

/* ---- start and end ---- */

typedef struct card { /* of a rank: where it is, and which folder it sees under each name */
    health_place place;
    uint64_t probe, tmp; /* 0: none */
    int64_t answer_in;
} card;

static uint64_t number_of(const char *folder)
{
    struct stat s;

    return stat(folder, &s) == 0 && S_ISDIR(s.st_mode) ? (uint64_t)s.st_ino : 0;
}

/* A folder that rank 0 makes for the others to look for: on disks of their own, nodes may have
 * parents of the same name and number. */
static void probe_of(const char *dir, char out[CRM_PATH_MAX])
{
    int n = snprintf(out, CRM_PATH_MAX, "%s.probe", dir ? dir : "");

    if (!dir || n >= CRM_PATH_MAX) out[0] = '\0';
}

static card card_of(const char *probe, const char *parent)
{
    card c = {.place = {.pid = (int)getpid()}, .tmp = number_of("/tmp")};

    crm_comm_host(c.place.host, sizeof c.place.host);
    if (!probe[0]) return c;
    c.probe = number_of(probe);
    c.answer_in = crm_health_answer_in(parent);
    return c;
}

typedef struct folder {
    char dir[CRM_PATH_MAX];
    bool temporary;
    int64_t answer_in;
} folder;

/* The folder that all ranks see; equal on all of them. */
static folder choose(const card *all, int n, const char *dir)
{
    folder f = {.answer_in = crm_health_answer_in(NULL)};
    bool shared = all[0].probe != 0, tmp = all[0].tmp != 0;

    for (int q = 0; q < n; q++) {
        shared = shared && all[q].probe == all[0].probe;
        tmp = tmp && all[q].tmp == all[0].tmp && strcmp(all[q].place.host, all[0].place.host) == 0;
        if (all[q].answer_in > f.answer_in) f.answer_in = all[q].answer_in;
    }
    if (shared)
        snprintf(f.dir, sizeof f.dir, "%s", dir);
    else if (tmp) {
        snprintf(f.dir, sizeof f.dir, "/tmp/crmpi-health-%d", all[0].place.pid);
        f.answer_in = crm_health_answer_in(NULL);
        f.temporary = true;
    }
    return f;
}

static crm_status new_ranks(int n, int self, health_ranks *r)
{
    *r = (health_ranks){.n = n, .self = self};
    CRM_NEW(r->place, n);
    CRM_NEW(r->before, n);
    CRM_NEW(r->first, n);
    CRM_NEW(r->last, n);
    return CRM_OK;
}

static void free_ranks(health_ranks *r)
{
    crm_mem_free(r->place);
    crm_mem_free(r->before);
    crm_mem_free(r->first);
    crm_mem_free(r->last);
    *r = (health_ranks){0};
}

/* Rank 0 also removes what ranks of an earlier, larger run left. */
static void remove_own(void)
{
    if (has_folder()) crm_health_clear(dog.dir, dog.rank, dog.rank + 1);
}

/* By the thread of the grace, just before the process ends: the lock may be held. */
static void remove_at_end(void)
{
    if (pthread_mutex_trylock(&dog.lock) == 0) remove_own();
}

static void use(const crm_watchdog_cfg *cfg, const folder *f, health_ranks *ranks)
{
    is_main = true;
    need_thread();
    crm_stop_before_end(remove_at_end);
    pthread_mutex_lock(&dog.lock);
    drop_inquiry();
    if (strcmp(dog.dir, f->dir) != 0) remove_own();
    free_ranks(&dog.ranks);
    dog.ranks = *ranks;
    dog.limit = cfg->limit;
    dog.answer_in = f->answer_in;
    dog.temporary = f->temporary;
    snprintf(dog.dir, sizeof dog.dir, "%s", f->dir);
    dog.seen = -1;
    dog.heard = 0;
    dog.next_listen = dog.time + beat_every();
    if (beats()) beat();
    pthread_mutex_unlock(&dog.lock);
}

static void parent_of(const char *dir, char out[CRM_PATH_MAX])
{
    char *slash;

    snprintf(out, CRM_PATH_MAX, "%s", dir ? dir : "");
    slash = strrchr(out, '/');
    if (slash && slash > out)
        *slash = '\0';
    else if (dir)
        snprintf(out, CRM_PATH_MAX, "%s", slash ? "/" : ".");
}

enum { EARLIER = 4096 }; /* ranks whose files of an earlier run are removed */

crm_status crm_watchdog_start(crm_comm *world, const crm_watchdog_cfg *cfg, const char *dir)
{
    int n = crm_comm_size(world), rank = crm_comm_rank(world);
    char parent[CRM_PATH_MAX], probe[CRM_PATH_MAX];
    health_ranks ranks;
    void *all = NULL;
    size_t total;
    card mine;
    folder f;
    crm_status st;

    parent_of(dir, parent);
    probe_of(dir, probe);
    if (rank == 0 && dir) crm_health_clear(dir, 0, EARLIER);
    if (rank == 0 && probe[0]) (void)mkdir(probe, 0777);
    st = crm_comm_agree(world, new_ranks(n, rank, &ranks)); /* all wait for rank 0 */
    mine = card_of(probe, parent);
    if (!st) st = crm_comm_allgather(world, &mine, sizeof mine, &all, &total, NULL);
    if (rank == 0 && probe[0]) (void)rmdir(probe);
    if (!st) {
        for (int q = 0; q < n; q++)
            ranks.place[q] = ((const card *)all)[q].place;
        f = choose(all, n, dir);
        use(cfg, &f, &ranks);
    } else {
        free_ranks(&ranks);
    }
    crm_mem_free(all);
    return st;
}

void crm_watchdog_stop(void)
{
    crm_watchdog_disarm();
    if (!dog.runs) return;
    pthread_mutex_lock(&dog.lock);
    dog.stop = true;
    pthread_cond_signal(&dog.wake);
    pthread_mutex_unlock(&dog.lock);
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.wake);
    dog.runs = false;
    remove_own();
    free_ranks(&dog.ranks);
    dog.dir[0] = '\0';
    dog.limit = 0;
}
