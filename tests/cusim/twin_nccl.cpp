/* twin_nccl.cpp - NCCL over the MPI of the program; a shared library of its own (libcusim_nccl.so).
 *
 * Ranks find each other point to point on MPI_COMM_WORLD, so that any subset of the ranks may take
 * part: the unique id names the process that made it, which must be one of the ranks (else the
 * others wait for ever); each rank sends it a card, it answers with all cards, and
 * MPI_Comm_create_group makes a communicator of their own. Tags from FIRST_TAG on are taken; a
 * program that receives with MPI_ANY_TAG on MPI_COMM_WORLD would disturb this.
 *
 * A non-blocking communicator (config.blocking = 0) is made, and its operations are given to the
 * stream, only by calls of ncclCommGetAsyncError, which first answers ncclInProgress. Two ranks on
 * one device of one host are refused, as NCCL does. As MPI_THREAD_FUNNELED wants, only the main
 * thread may call. */
#include <mpi.h>
#include <nccl.h>
#include <sched.h>

#include <climits>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "cusim_runtime.h"

namespace cusim
{
namespace
{
enum { FIRST_TAG = 20000, SERIALS = 2000, DATA_TAG = 1 };
const unsigned MAGIC = 0x6e63636cu;

struct id_content {
    unsigned magic;
    int root, serial;
};
struct card {
    int rank, world_rank, device;
    char host[MPI_MAX_PROCESSOR_NAME];
};
enum transfer_kind { SEND, RECEIVE, GATHER, SUM };
struct transfer {
    transfer_kind kind;
    const char *from;
    char *to;
    size_t bytes; /* of one rank */
    int peer;
};
using transfers = std::vector<transfer>;
struct batch {
    cudaStream_t stream;
    transfers list;
};
enum phase { MEETING, MET, READY_FOR_USE, BROKEN };
} // namespace
} // namespace cusim

struct ncclComm {
    int rank, size, device;
    bool blocking;
    cusim::phase phase = cusim::MEETING;
    int tag, root;
    std::vector<cusim::card> cards;
    int seen = 0;         /* cards that the root has */
    bool greeted = false; /* our card was sent */
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Comm comm = MPI_COMM_NULL;
    std::vector<cusim::batch> waiting; /* of a non-blocking communicator */
    int excuses = 0;                   /* answers "in progress" still to give */
    ncclResult_t error = ncclSuccess;
};

namespace cusim
{
namespace
{
std::vector<ncclComm *> meeting;
thread_local int group_depth;
thread_local std::vector<std::pair<ncclComm *, batch>> group;
thread_local const char *last_message = "";

ncclResult_t refuse(ncclResult_t code, const char *why)
{
    last_message = why;
    return code;
}

card my_card(const ncclComm &c)
{
    card m = {};
    int length;
    m.rank = c.rank;
    m.device = device_of_node(c.device);
    MPI_Comm_rank(MPI_COMM_WORLD, &m.world_rank);
    MPI_Get_processor_name(m.host, &length);
    return m;
}

int world_rank()
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

int card_bytes(int n)
{
    return n * static_cast<int>(sizeof(card));
}

/* ---- ranks meet ---- */
void root_step(ncclComm &c)
{
    int there = 1;
    MPI_Status status;
    while (c.seen < c.size && there) {
        card m;
        MPI_Iprobe(MPI_ANY_SOURCE, c.tag, MPI_COMM_WORLD, &there, &status);
        if (there) {
            MPI_Recv(&m, card_bytes(1), MPI_BYTE, status.MPI_SOURCE, c.tag, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
            c.cards[static_cast<size_t>(m.rank)] = m;
            c.seen++;
        }
    }
    if (c.seen < c.size) {
        return;
    }
    for (const card &m : c.cards) {
        if (m.rank != c.rank) {
            MPI_Send(c.cards.data(), card_bytes(c.size), MPI_BYTE, m.world_rank, c.tag + 1,
                     MPI_COMM_WORLD);
        }
    }
    c.phase = MET;
}

void member_step(ncclComm &c)
{
    if (!c.greeted) {
        card m = my_card(c);
        MPI_Send(&m, card_bytes(1), MPI_BYTE, c.root, c.tag, MPI_COMM_WORLD);
        MPI_Irecv(c.cards.data(), card_bytes(c.size), MPI_BYTE, c.root, c.tag + 1, MPI_COMM_WORLD,
                  &c.request);
        c.greeted = true;
    }
    int done;
    MPI_Test(&c.request, &done, MPI_STATUS_IGNORE);
    if (done) {
        c.phase = MET;
    }
}

/* All communicators go on, whichever is asked for: else two processes could each wait for the
 * other's next question. */
void meet()
{
    for (size_t i = 0; i < meeting.size(); i++) {
        ncclComm &c = *meeting[i];
        if (c.root == world_rank()) {
            root_step(c);
        } else {
            member_step(c);
        }
    }
    meeting.erase(std::remove_if(meeting.begin(), meeting.end(),
                                 [](ncclComm *c) { return c->phase != MEETING; }),
                  meeting.end());
}

bool device_twice(const ncclComm &c)
{
    for (const card &a : c.cards) {
        for (const card &b : c.cards) {
            if (a.rank != b.rank && a.device == b.device && !strcmp(a.host, b.host)) {
                return true;
            }
        }
    }
    return false;
}

void make_communicator(ncclComm &c)
{
    if (device_twice(c)) {
        c.phase = BROKEN;
        c.error =
            refuse(ncclInvalidUsage, "Duplicate GPU detected: two ranks on one device of one host");
        return;
    }
    std::vector<int> ranks;
    MPI_Group world, mine;
    for (const card &m : c.cards) {
        ranks.push_back(m.world_rank);
    }
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_incl(world, c.size, ranks.data(), &mine);
    MPI_Comm_create_group(MPI_COMM_WORLD, mine, c.tag, &c.comm);
    MPI_Group_free(&mine);
    MPI_Group_free(&world);
    c.phase = READY_FOR_USE;
}

void advance(ncclComm &c)
{
    meet();
    if (c.phase == MET) {
        make_communicator(c);
    }
}

/* ---- operations ---- */
double now()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/* Ranks that do not answer are an error, not the end (CUSIM_NCCL_LOST=1). */
bool losing()
{
    return getenv("CUSIM_NCCL_LOST") != nullptr;
}

/* Set where the other ranks did not answer. */
bool lost;

/* MPI may fetch a message after it was given up, so it goes from memory that stays. */
const char *sent_from(const transfer &t)
{
    static std::vector<std::unique_ptr<std::vector<char>>> kept;
    if (!losing()) {
        return t.from;
    }
    kept.emplace_back(new std::vector<char>(t.from, t.from + t.bytes));
    return kept.back()->data();
}

/* What cannot be taken back is left to MPI. */
void give_up(std::vector<MPI_Request> &requests)
{
    for (MPI_Request &r : requests) {
        if (r != MPI_REQUEST_NULL) {
            MPI_Cancel(&r);
            MPI_Request_free(&r);
        }
    }
    lost = true;
}

/* A hang of NCCL is a message here: CUSIM_NCCL_TIMEOUT seconds, default 60. With CUSIM_NCCL_LOST=1
 * it is what NCCL says of a peer that has gone, ncclRemoteError of a non-blocking communicator. */
void wait_all(std::vector<MPI_Request> &requests, const char *what)
{
    const char *text = getenv("CUSIM_NCCL_TIMEOUT");
    double end = now() + (text ? strtod(text, nullptr) : 60);
    int done = 0;
    while (!done) {
        MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE);
        bool late = !done && now() > end;
        if (late && losing()) {
            return give_up(requests);
        }
        if (late) {
            fatal("NCCL: %s has no answer from the other ranks", what);
        }
        sched_yield();
    }
}

void run_messages(MPI_Comm comm, const transfers &list)
{
    std::vector<MPI_Request> requests;
    for (const transfer &t : list) {
        MPI_Request r;
        if (t.kind == RECEIVE) {
            MPI_Irecv(t.to, static_cast<int>(t.bytes), MPI_BYTE, t.peer, DATA_TAG, comm, &r);
        } else if (t.kind == SEND) {
            MPI_Isend(sent_from(t), static_cast<int>(t.bytes), MPI_BYTE, t.peer, DATA_TAG, comm,
                      &r);
        } else {
            continue;
        }
        requests.push_back(r);
    }
    wait_all(requests, "a group of ncclSend and ncclRecv");
}

void gather(MPI_Comm comm, const transfer &t, char *to)
{
    int rank, bytes = static_cast<int>(t.bytes);
    MPI_Comm_rank(comm, &rank);
    bool in_place = t.from == to + static_cast<size_t>(rank) * t.bytes;
    std::vector<MPI_Request> r(1);
    MPI_Iallgather(in_place ? MPI_IN_PLACE : t.from, bytes, MPI_BYTE, to, bytes, MPI_BYTE, comm,
                   &r[0]);
    wait_all(r, "ncclAllGather or ncclAllReduce");
}

/* Sums in order of the ranks; NCCL promises no order. */
void sum(MPI_Comm comm, const transfer &t)
{
    int size;
    MPI_Comm_size(comm, &size);
    size_t n = t.bytes / sizeof(float);
    std::vector<float> all(n * static_cast<size_t>(size) + 1);
    gather(comm, t, reinterpret_cast<char *>(all.data()));
    float *to = reinterpret_cast<float *>(t.to);
    for (size_t i = 0; i < n; i++) {
        float s = all[i];
        for (size_t r = 1; r < static_cast<size_t>(size); r++) {
            s += all[r * n + i];
        }
        to[i] = s;
    }
}

void run_batch(MPI_Comm comm, const transfers &list)
{
    int main_thread;
    MPI_Is_thread_main(&main_thread);
    if (!main_thread) {
        fatal("NCCL: this twin may be used by the main thread only");
    }
    run_messages(comm, list);
    for (const transfer &t : list) {
        if (t.kind == GATHER) {
            gather(comm, t, t.to);
        } else if (t.kind == SUM) {
            sum(comm, t);
        }
    }
}

ncclResult_t give_to_stream(ncclComm &c, const batch &b)
{
    MPI_Comm comm = c.comm;
    transfers list = b.list;
    cudaError_t code =
        submit(b.stream, OP_LIBRARY, nullptr, [comm, list] { run_batch(comm, list); });
    return code ? refuse(ncclUnhandledCudaError, cudaGetErrorString(code)) : ncclSuccess;
}

ncclResult_t start(ncclComm &c, const batch &b)
{
    if (c.blocking) {
        return give_to_stream(c, b);
    }
    c.waiting.push_back(b);
    c.excuses = 1;
    return ncclInProgress;
}

ncclResult_t end_group()
{
    ncclResult_t worst = ncclSuccess;
    auto list = std::move(group);
    group.clear();
    for (auto &entry : list) {
        ncclResult_t r = start(*entry.first, entry.second);
        worst = r == ncclSuccess || (worst != ncclSuccess && r == ncclInProgress) ? worst : r;
    }
    return worst;
}

/* Transfers of one group, communicator and stream are one operation. */
void add_to_group(ncclComm *c, cudaStream_t stream, const transfer &t)
{
    for (auto &entry : group) {
        if (entry.first == c && entry.second.stream == stream) {
            entry.second.list.push_back(t);
            return;
        }
    }
    group.push_back({c, {stream, {t}}});
}

size_t type_bytes(ncclDataType_t type)
{
    switch (type) {
    case ncclInt8:
    case ncclUint8:
        return 1;
    case ncclFloat16:
    case ncclBfloat16:
        return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
        return 4;
    default:
        return 8;
    }
}

ncclResult_t check(ncclComm *c, const transfer &t)
{
    if (!c || t.peer < 0 || (c && t.peer >= c->size)) {
        return refuse(ncclInvalidArgument, "no such communicator or peer");
    }
    if (c->phase != READY_FOR_USE || !c->waiting.empty()) {
        return refuse(ncclInvalidArgument,
                      "the communicator is not ready: ask ncclCommGetAsyncError first");
    }
    if (t.bytes * static_cast<size_t>(c->size) > INT_MAX) {
        fatal("NCCL: the twin moves less than 2 GiB at a time");
    }
    size_t ranks = t.kind == GATHER ? static_cast<size_t>(c->size) : 1;
    if (t.from && t.bytes) {
        device_check(t.from, t.bytes, "NCCL, source");
    }
    if (t.to && t.bytes) {
        device_check(t.to, t.bytes * ranks, "NCCL, target");
    }
    return ncclSuccess;
}

ncclResult_t enqueue(ncclComm *c, cudaStream_t stream, const transfer &t)
{
    ncclResult_t r = check(c, t);
    if (r) {
        return r;
    }
    add_to_group(c, stream, t);
    return group_depth ? ncclSuccess : end_group();
}

/* What a question for the state of a non-blocking communicator moves on. */
ncclResult_t poll(ncclComm &c)
{
    if (c.phase == BROKEN) {
        return c.error;
    }
    if (c.excuses > 0) {
        c.excuses--;
        return ncclInProgress;
    }
    if (c.phase != READY_FOR_USE) {
        advance(c);
        return c.phase == BROKEN          ? c.error
               : c.phase == READY_FOR_USE ? ncclSuccess
                                          : ncclInProgress;
    }
    auto list = std::move(c.waiting);
    c.waiting.clear();
    lost = false;
    for (const batch &b : list) {
        ncclResult_t r = give_to_stream(c, b);
        if (r || lost) {
            return c.error = r ? r : refuse(ncclRemoteError, "the other ranks do not answer");
        }
    }
    return c.error;
}

bool mpi_ready()
{
    int begun = 0, ended = 0;
    MPI_Initialized(&begun);
    MPI_Finalized(&ended);
    return begun && !ended;
}

ncclComm *comm_new(int size, const id_content &id, int rank, bool blocking)
{
    ncclComm *c = new ncclComm();
    c->rank = rank;
    c->size = size;
    c->device = device_current();
    c->blocking = blocking;
    c->root = id.root;
    c->tag = FIRST_TAG + 2 * (id.serial % SERIALS);
    c->cards.resize(static_cast<size_t>(size));
    if (id.root == world_rank()) {
        c->cards[static_cast<size_t>(rank)] = my_card(*c);
        c->seen = 1;
    }
    meeting.push_back(c);
    return c;
}
} // namespace
} // namespace cusim

using namespace cusim;

extern "C" {
ncclResult_t ncclGetVersion(int *version)
{
    *version = NCCL_VERSION_CODE;
    return ncclSuccess;
}
const char *ncclGetErrorString(ncclResult_t code)
{
    static const char *const text[] = {
        "no error",         "unhandled cuda error", "unhandled system error", "internal error",
        "invalid argument", "invalid usage",        "remote process exited",  "in progress"};
    return code >= 0 && code <= ncclInProgress ? text[code] : "unknown result code";
}
const char *ncclGetLastError(ncclComm_t)
{
    return last_message;
}
ncclResult_t ncclGetUniqueId(ncclUniqueId *out)
{
    static int serial;
    if (!mpi_ready()) {
        return refuse(ncclSystemError, "MPI is not initialised");
    }
    id_content id = {MAGIC, world_rank(), serial++};
    *out = {};
    memcpy(out, &id, sizeof id);
    return ncclSuccess;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int size, ncclUniqueId unique, int rank,
                                    ncclConfig_t *config)
{
    api_lock lock;
    id_content id;
    memcpy(&id, &unique, sizeof id);
    *out = nullptr;
    if (!mpi_ready() || device_ready()) {
        return refuse(ncclSystemError, "MPI is not initialised, or there is no device");
    }
    if (id.magic != MAGIC || rank < 0 || rank >= size) {
        return refuse(ncclInvalidArgument,
                      "the id is not of ncclGetUniqueId, or there is no such rank");
    }
    bool blocking = !config || config->blocking != 0;
    ncclComm *c = *out = comm_new(size, id, rank, blocking);
    if (!blocking) {
        c->excuses = 2;
        return ncclInProgress;
    }
    while (c->phase == MEETING || c->phase == MET) {
        advance(*c);
        sched_yield();
    }
    return c->error;
}
ncclResult_t ncclCommInitRank(ncclComm_t *out, int size, ncclUniqueId unique, int rank)
{
    return ncclCommInitRankConfig(out, size, unique, rank, nullptr);
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t c, ncclResult_t *code)
{
    api_lock lock;
    if (!c) {
        return refuse(ncclInvalidArgument, "no communicator");
    }
    *code = poll(*c);
    return ncclSuccess;
}
ncclResult_t ncclCommFinalize(ncclComm_t c)
{
    api_lock lock;
    if (!c || c->phase != READY_FOR_USE) {
        return refuse(ncclInvalidUsage, "no communicator, or not a ready one");
    }
    c->excuses = c->blocking ? 0 : 1;
    return c->blocking ? ncclSuccess : ncclInProgress;
}
/* Collective, as MPI_Comm_free is. */
ncclResult_t ncclCommDestroy(ncclComm_t c)
{
    api_lock lock;
    if (c && c->comm != MPI_COMM_NULL && mpi_ready()) {
        streams_finish();
        MPI_Comm_free(&c->comm);
    }
    return ncclCommAbort(c);
}
/* Alone: MPI's communicator is left, as freeing it would wait for the others. */
ncclResult_t ncclCommAbort(ncclComm_t c)
{
    api_lock lock;
    meeting.erase(std::remove(meeting.begin(), meeting.end(), c), meeting.end());
    if (c && c->request != MPI_REQUEST_NULL && mpi_ready()) {
        MPI_Cancel(&c->request);
        MPI_Request_free(&c->request);
    }
    delete c;
    return c ? ncclSuccess : refuse(ncclInvalidArgument, "no communicator");
}
ncclResult_t ncclCommCount(const ncclComm_t c, int *size)
{
    *size = c->size;
    return ncclSuccess;
}
ncclResult_t ncclCommUserRank(const ncclComm_t c, int *rank)
{
    *rank = c->rank;
    return ncclSuccess;
}

ncclResult_t ncclGroupStart(void)
{
    group_depth++;
    return ncclSuccess;
}
ncclResult_t ncclGroupEnd(void)
{
    api_lock lock;
    if (group_depth == 0) {
        return refuse(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
    }
    return --group_depth ? ncclSuccess : end_group();
}
ncclResult_t ncclSend(const void *from, size_t count, ncclDataType_t type, int peer, ncclComm_t c,
                      cudaStream_t stream)
{
    api_lock lock;
    return enqueue(
        c, stream,
        {SEND, static_cast<const char *>(from), nullptr, count * type_bytes(type), peer});
}
ncclResult_t ncclRecv(void *to, size_t count, ncclDataType_t type, int peer, ncclComm_t c,
                      cudaStream_t stream)
{
    api_lock lock;
    return enqueue(c, stream,
                   {RECEIVE, nullptr, static_cast<char *>(to), count * type_bytes(type), peer});
}
ncclResult_t ncclAllGather(const void *from, void *to, size_t count, ncclDataType_t type,
                           ncclComm_t c, cudaStream_t stream)
{
    api_lock lock;
    return enqueue(c, stream,
                   {GATHER, static_cast<const char *>(from), static_cast<char *>(to),
                    count * type_bytes(type), 0});
}
ncclResult_t ncclAllReduce(const void *from, void *to, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t c, cudaStream_t stream)
{
    api_lock lock;
    if (type != ncclFloat32 || op != ncclSum) {
        return refuse(ncclInvalidArgument, "the twin has the sum of float only");
    }
    return enqueue(
        c, stream,
        {SUM, static_cast<const char *>(from), static_cast<char *>(to), count * sizeof(float), 0});
}
}
