/* cuda_graph.c - steps as captured graphs, found again by key.
 *
 * A key that is seen for the first time is not captured: its calls run as they come.  Ragged
 * batches hardly ever repeat a key, so that they cost a hash and a look into a table; and what a
 * library does at its first call only (handles, plans, modules that are loaded late) is done before
 * a capture, where much of it is forbidden.  CRM_CUDA_CAPTURE=first in the environment captures at
 * first sight, for tests of graphs on data that do not repeat.
 *
 * A capture in relaxed mode allows cudaMalloc, so that scratch memory may grow within.  A graph of
 * a new key takes the place of the one used least recently: cudaGraphExecUpdate puts new arguments
 * into a graph of the same shape, which costs a fraction of making one; where the shape differs it
 * refuses, and the graph is made anew.  Launches already enqueued keep the arguments they had.
 *
 * A capture that fails has run nothing: the caller makes its calls again, and nothing is captured
 * any more. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

#include "cuda_host.h"

bool cuda_graphs_held(const cuda_state *s)
{
    for (int i = 0; i < CUDA_GRAPHS; i++)
        if (s->host->graph[i].key.at) return true;
    return false;
}

/* ---- keys ---- */

/* By words of 8 bytes: multiply and fold (splitmix64's constant), each word after the last. */
static uint64_t hash_of(const unsigned char *key, size_t bytes)
{
    uint64_t h = bytes + 1, word;

    for (size_t at = 0; at < bytes; at += sizeof word) {
        size_t n = bytes - at < sizeof word ? bytes - at : sizeof word;

        word = 0;
        memcpy(&word, key + at, n);
        h = (h ^ word) * UINT64_C(0xBF58476D1CE4E5B9);
        h ^= h >> 29;
    }
    return h ? h : 1;
}

static cuda_graph *find(cuda_host *h, uint64_t hash, const void *key, size_t bytes)
{
    for (int i = 0; i < CUDA_GRAPHS; i++) {
        const cuda_key *k = &h->graph[i].key;

        if (k->at && k->hash == hash && k->bytes == bytes && memcmp(k->at, key, bytes) == 0)
            return &h->graph[i];
    }
    return NULL;
}

/* Whether the key was here lately, as far as its hash tells: being wrong costs a capture that is
 * not needed. */
static bool seen_before(cuda_host *h, uint64_t hash)
{
    for (int i = 0; i < CUDA_GRAPHS_SEEN; i++)
        if (h->seen[i] == hash) return true;
    h->seen[h->next_seen] = hash;
    h->next_seen = (h->next_seen + 1) % CUDA_GRAPHS_SEEN;
    return h->at_first_sight;
}

static void drop_key(cuda_key *key)
{
    crm_mem_free(key->at);
    *key = (cuda_key){.at = NULL};
}

/* ---- what is kept ---- */

/* A free place, else the one used least recently. */
static cuda_graph *oldest(cuda_host *h)
{
    cuda_graph *old = &h->graph[0];

    for (int i = 0; i < CUDA_GRAPHS; i++) {
        if (!h->graph[i].key.at) return &h->graph[i];
        if (h->graph[i].used < old->used) old = &h->graph[i];
    }
    return old;
}

static void forget(cuda_graph *g)
{
    if (g->exec) (void)cudaGraphExecDestroy(g->exec);
    drop_key(&g->key);
    *g = (cuda_graph){.exec = NULL};
}

/* ---- whether the driver captures ---- */

/* A graph of one kernel that does nothing, so that a driver without graphs is known before a step
 * is lost in a capture. */
static cudaError_t probe(cudaStream_t stream)
{
    cudaGraphExec_t exec = NULL;
    cudaGraph_t graph = NULL;
    cudaError_t e = cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);

    if (e != cudaSuccess) return e;
    (void)cuda_noop(stream);
    e = cudaStreamEndCapture(stream, &graph);
    if (e == cudaSuccess) e = cudaGraphInstantiate(&exec, graph, 0);
    if (e == cudaSuccess) e = cudaGraphLaunch(exec, stream);
    (void)cudaStreamSynchronize(stream);
    if (exec) (void)cudaGraphExecDestroy(exec);
    if (graph) (void)cudaGraphDestroy(graph);
    return e;
}

/* Whether steps are captured; said once when the driver will not. */
static bool graphs_work(cuda_state *s)
{
    const char *way = getenv("CRM_CUDA_CAPTURE");
    cuda_host *h = s->host;
    cudaError_t e;

    if (!s->cfg.graph || h->graphs != CUDA_GRAPHS_UNKNOWN)
        return s->cfg.graph && h->graphs == CUDA_GRAPHS_WORK;
    h->at_first_sight = way && strcmp(way, "first") == 0;
    e = probe(s->stream);
    h->graphs = e == cudaSuccess ? CUDA_GRAPHS_WORK : CUDA_GRAPHS_FAIL;
    if (e == cudaSuccess) return true;
    (void)cudaGetLastError();
    cuda_say(CRM_LOG_DEBUG, "steps run without graphs: %s", cudaGetErrorString(e));
    return false;
}

/* ---- a capture ---- */

/* From here on steps run as they come.  Graphs that are there stay until they are forgotten: they
 * may be running. */
static void give_up(cuda_state *s, cudaError_t e)
{
    (void)cudaGetLastError();
    s->host->graphs = CUDA_GRAPHS_FAIL;
    cuda_say(CRM_LOG_WARN, "a step cannot be captured as a graph (%s): steps run without graphs",
             cudaGetErrorString(e));
}

static crm_status start(cuda_state *s, uint64_t hash, const void *key, size_t bytes,
                        bool *capturing)
{
    cuda_host *h = s->host;
    cudaError_t e;

    h->key = (cuda_key){.at = crm_mem_new(bytes + 1, 1), .bytes = bytes, .hash = hash};
    CRM_CHECK(h->key.at, CRM_ERR_NOMEM, "out of memory: %zu bytes for the key of a graph", bytes);
    memcpy(h->key.at, key, bytes);
    e = cudaStreamBeginCapture(s->stream, cudaStreamCaptureModeRelaxed);
    *capturing = h->capturing = e == cudaSuccess;
    if (*capturing) return CRM_OK;
    drop_key(&h->key);
    give_up(s, e);
    return CRM_OK;
}

static crm_status launch(cuda_state *s, cuda_graph *g)
{
    CUDA_TRY(cudaGraphLaunch(g->exec, s->stream));
    g->used = ++s->host->graph_clock;
    return CRM_OK;
}

crm_status cuda_graph_begin(void *state, const void *key, size_t bytes, bool *known,
                            bool *capturing)
{
    cuda_state *s = state;
    cuda_graph *g;
    uint64_t hash;

    *known = false;
    CRM_CHECK(!cuda_capturing(s), CRM_ERR_INTERNAL, "a graph within a graph");
    *capturing = false;
    if (!graphs_work(s)) return CRM_OK;
    hash = hash_of(key, bytes);
    g = find(s->host, hash, key, bytes);
    if (!g) return seen_before(s->host, hash) ? start(s, hash, key, bytes, capturing) : CRM_OK;
    CRM_TRY(launch(s, g));
    s->host->replays++;
    *known = true;
    return CRM_OK;
}

/* The recorded work takes the place of what g did before. */
static bool update(cuda_state *s, cuda_graph *g, cudaGraph_t graph)
{
    cudaGraphExecUpdateResultInfo info;

    if (!g->exec) return false;
    if (cudaGraphExecUpdate(g->exec, graph, &info) == cudaSuccess) {
        s->host->updates++;
        return true;
    }
    (void)cudaGetLastError();
    /* A graph may not go while it runs. */
    (void)cudaStreamSynchronize(s->stream);
    return false;
}

/* The graph that was captured, under its key. */
static cudaError_t place(cuda_state *s, cudaGraph_t graph, cuda_graph **out)
{
    cuda_host *h = s->host;
    cuda_graph *g = oldest(h);
    cudaError_t e;

    if (update(s, g, graph)) {
        drop_key(&g->key);
    } else {
        forget(g);
        e = cudaGraphInstantiate(&g->exec, graph, 0);
        if (e != cudaSuccess) {
            g->exec = NULL;
            return e;
        }
        h->captured++;
    }
    g->key = h->key;
    h->key = (cuda_key){.at = NULL};
    *out = g;
    return cudaSuccess;
}

crm_status cuda_graph_end(void *state, bool made, bool *again)
{
    cuda_state *s = state;
    cudaGraph_t graph = NULL;
    cuda_graph *g = NULL;
    cudaError_t e;

    *again = false;
    if (!cuda_capturing(s)) return CRM_OK;
    s->host->capturing = false;
    e = cudaStreamEndCapture(s->stream, &graph);
    if (e == cudaSuccess && made) e = place(s, graph, &g);
    if (graph) (void)cudaGraphDestroy(graph);
    drop_key(&s->host->key);
    if (e != cudaSuccess) give_up(s, e);
    *again = e != cudaSuccess;
    return g ? launch(s, g) : CRM_OK;
}

static void drop(cuda_state *s)
{
    cudaGraph_t graph = NULL;

    if (!cuda_capturing(s)) return;
    (void)cudaStreamEndCapture(s->stream, &graph);
    if (graph) (void)cudaGraphDestroy(graph);
    (void)cudaGetLastError();
    drop_key(&s->host->key);
    s->host->capturing = false;
}

void cuda_graph_forget(void *state)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    drop(s);
    if (cuda_graphs_held(s)) (void)cudaStreamSynchronize(s->stream);
    for (int i = 0; i < CUDA_GRAPHS; i++)
        forget(&h->graph[i]);
    memset(h->seen, 0, sizeof h->seen);
    cuda_kept_free(s);
}
