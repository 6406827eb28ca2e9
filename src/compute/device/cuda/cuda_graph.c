/* cuda_graph.c - steps as captured graphs, found again by key.
 *
 * A capture in relaxed mode allows cudaMalloc, so that scratch memory may grow within.  A graph of
 * a new key takes the place of the one used least recently: cudaGraphExecUpdate puts new arguments
 * into a graph of the same shape, which costs a fraction of making one; where the shape differs it
 * refuses, and the graph is made anew.  Launches already enqueued keep the arguments they had. */
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

#include "cuda_host.h"

bool cuda_graphs_held(const cuda_state *s)
{
    for (int i = 0; i < CUDA_GRAPHS; i++)
        if (s->host->graph[i].key) return true;
    return false;
}

static cuda_graph *find(cuda_host *h, const void *key, size_t bytes)
{
    for (int i = 0; i < CUDA_GRAPHS; i++) {
        cuda_graph *g = &h->graph[i];

        if (g->key && g->bytes == bytes && memcmp(g->key, key, bytes) == 0) return g;
    }
    return NULL;
}

/* A free place, else the one used least recently. */
static cuda_graph *oldest(cuda_host *h)
{
    cuda_graph *old = &h->graph[0];

    for (int i = 0; i < CUDA_GRAPHS; i++) {
        if (!h->graph[i].key) return &h->graph[i];
        if (h->graph[i].used < old->used) old = &h->graph[i];
    }
    return old;
}

static void forget(cuda_graph *g)
{
    if (g->exec) (void)cudaGraphExecDestroy(g->exec);
    crm_mem_free(g->key);
    *g = (cuda_graph){0};
}

void cuda_graphs_free(cuda_state *s)
{
    for (int i = 0; i < CUDA_GRAPHS; i++)
        forget(&s->host->graph[i]);
}

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
    cuda_host *h = s->host;
    cudaError_t e;

    if (!s->cfg.graph || h->graphs != CUDA_GRAPHS_UNKNOWN)
        return s->cfg.graph && h->graphs == CUDA_GRAPHS_WORK;
    e = probe(s->stream);
    h->graphs = e == cudaSuccess ? CUDA_GRAPHS_WORK : CUDA_GRAPHS_FAIL;
    if (e == cudaSuccess) return true;
    (void)cudaGetLastError();
    cuda_say(CRM_LOG_DEBUG, "steps run without graphs: %s", cudaGetErrorString(e));
    return false;
}

static crm_status start(cuda_state *s, const void *key, size_t bytes)
{
    cuda_host *h = s->host;
    cudaError_t e = cudaStreamBeginCapture(s->stream, cudaStreamCaptureModeRelaxed);

    CRM_TRY(cuda_check(e, "cudaStreamBeginCapture"));
    h->key = crm_mem_new(bytes + 1, 1);
    h->key_bytes = bytes;
    h->capturing = true;
    if (h->key) {
        memcpy(h->key, key, bytes);
        return CRM_OK;
    }
    cuda_graph_drop(s);
    CRM_FAIL(CRM_ERR_NOMEM, "out of memory: %zu bytes for the key of a graph", bytes);
}

crm_status cuda_graph_begin(void *state, const void *key, size_t bytes, bool *known)
{
    cuda_state *s = state;
    cuda_host *h = s->host;
    cuda_graph *g;

    *known = false;
    CRM_CHECK(!cuda_capturing(s), CRM_ERR_INTERNAL, "a graph within a graph");
    if (!graphs_work(s)) return CRM_OK;
    g = find(h, key, bytes);
    if (!g) return start(s, key, bytes);
    CUDA_TRY(cudaGraphLaunch(g->exec, s->stream));
    g->used = ++h->graph_clock;
    h->replays++;
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

static crm_status place(cuda_state *s, cuda_graph *g, cudaGraph_t graph)
{
    cuda_host *h = s->host;

    if (update(s, g, graph)) {
        crm_mem_free(g->key);
    } else {
        forget(g);
        CUDA_TRY(cudaGraphInstantiate(&g->exec, graph, 0));
        h->captured++;
    }
    g->key = h->key;
    g->bytes = h->key_bytes;
    g->used = ++h->graph_clock;
    h->key = NULL;
    return cuda_check(cudaGraphLaunch(g->exec, s->stream), "cudaGraphLaunch");
}

static void end(cuda_host *h)
{
    crm_mem_free(h->key);
    h->key = NULL;
    h->capturing = false;
}

crm_status cuda_graph_end(void *state)
{
    cuda_state *s = state;
    cudaGraph_t graph = NULL;
    cudaError_t e;
    crm_status st;

    if (!cuda_capturing(s)) return CRM_OK;
    e = cudaStreamEndCapture(s->stream, &graph);
    st = e == cudaSuccess ? place(s, oldest(s->host), graph) : CRM_ERR_DEVICE;
    if (graph) (void)cudaGraphDestroy(graph);
    end(s->host);
    if (e == cudaSuccess) return st;
    (void)cudaGetLastError();
    CRM_FAIL(CRM_ERR_DEVICE,
             "a step cannot be captured as a graph (%s); gpu.graph: false does "
             "without",
             cudaGetErrorString(e));
}

void cuda_graph_drop(void *state)
{
    cuda_state *s = state;
    cudaGraph_t graph = NULL;

    if (!cuda_capturing(s)) return;
    (void)cudaStreamEndCapture(s->stream, &graph);
    if (graph) (void)cudaGraphDestroy(graph);
    (void)cudaGetLastError();
    end(s->host);
}
