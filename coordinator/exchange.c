// SPDX-License-Identifier: Apache-2.0
//
// What a rank has to do for one bucket is a short program: additions of two of its own arrays, sums to give away, sums to
// take and add, in the post-order of the tree. It depends on who owns the bucket alone: a node's sum lies with the owner
// of the bucket where that has a slice below the node, else with one of the two that hold its children, in turn by bucket so
// that the work is spread. Addition commutes, so it does not matter which of the two adds. Every bucket is a thread of its
// own with at most one message under way, and all ranks run its program in the same order, so none waits for ever.
//
// Between ranks of one machine giving is a mark ("this array holds its sum in this bucket, in this round") and taking adds
// from the other's memory. The memory of a rank: its arrays, its buckets of what is spread, a mark for each array and bucket.
#include "coordinator/exchange.h"

#include "cluster/mem.h"
#include "cluster/par_shared.h"
#include "nn/vec.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_TAG = 100, MOST_BUCKETS = 32000, TURNS = 2 }; // MPI grants tags up to 32767

typedef enum { STEP_ADD, STEP_SEND, STEP_RECEIVE, STEP_MARK, STEP_TAKE } step_kind_t;

typedef struct {
    step_kind_t kind;
    int into, from; // own arrays, but of STEP_TAKE: `from` is the peer's
    int peer;
} step_t;

typedef _Atomic uint32_t mark_t;

typedef struct {
    int n;
    step_t *step; // (2 slices)
    int sum;      // own array that holds the whole sum, on the owner
} program_t;

typedef struct {
    bool ready;
    int next; // step
    MPI_Request request;
} bucket_t;

struct exchange {
    const par_t *par;
    int slices, owners, buckets;
    int64_t n, size; // floats of all, of a bucket
    range_t own;     // slices
    par_shared_t *shared;
    float **mine;       // [slice of this rank] -> (n), in the shared memory
    float *received;    // (n); NULL where no message comes
    uint32_t round;     // from 1
    program_t *program; // [owner * TURNS + turn]
    bucket_t *bucket;   // (buckets)
    int started;        // buckets that are ready
    int *count,
        *first; // [rank]: floats of its buckets; where they begin when these are packed by rank
};

// The node's sum lies in array `leaf` of rank `holder`.
typedef struct {
    int holder, leaf;
} place_t;

typedef struct {
    exchange_t *x;
    program_t *program;
    int owner, turn;
} writer_t;

// The k-th slice of its holder.
static int array_of(const exchange_t *x, place_t p)
{
    return p.leaf - (int)par_tree_share(x->slices, p.holder, x->par->size).begin;
}

static void write_join(writer_t *w, place_t into, place_t from)
{
    const exchange_t *x = w->x;
    int rank = x->par->rank;
    bool taking = into.holder == rank;
    step_t step = {.into = array_of(x, into), .from = array_of(x, from)};
    if (!taking && from.holder != rank)
        return;
    step.peer = taking ? from.holder : into.holder;
    bool near = par_shared_of(x->shared, step.peer) != NULL;
    if (into.holder == from.holder)
        step.kind = STEP_ADD;
    else if (near)
        step.kind = taking ? STEP_TAKE : STEP_MARK;
    else
        step.kind = taking ? STEP_RECEIVE : STEP_SEND;
    w->program->step[w->program->n++] = step;
}

// Node k of a level with `width` nodes (par_tree.c); it has slices.
static place_t write_node(writer_t *w, int64_t k, int64_t width, int depth)
{
    int64_t slices = w->x->slices, begin = k * slices / width, end = (k + 1) * slices / width;
    int64_t middle = (2 * k + 1) * slices / (2 * width);
    if (end - begin == 1)
        return (place_t){par_tree_owner((int)slices, (int)begin, w->x->par->size), (int)begin};
    if (middle == begin || middle == end)
        return write_node(w, 2 * k + (middle == begin), 2 * width, depth);
    place_t left = write_node(w, 2 * k, 2 * width, depth + 1);
    place_t right = write_node(w, 2 * k + 1, 2 * width, depth + 1);
    bool to_right = right.holder == w->owner && left.holder != w->owner;
    if (left.holder != w->owner && right.holder != w->owner)
        to_right = (depth + w->turn) % TURNS != 0;
    write_join(w, to_right ? right : left, to_right ? left : right);
    return to_right ? right : left;
}

static void write_programs(exchange_t *x)
{
    x->program = MEM_NEW(program_t, x->owners * TURNS);
    for (int owner = 0; owner < x->owners; owner++)
        for (int turn = 0; turn < TURNS; turn++) {
            program_t *p = &x->program[owner * TURNS + turn];
            writer_t w = {x, p, owner, turn};
            p->step = MEM_NEW(step_t, 2 * x->slices);
            place_t root = write_node(&w, 0, 1, 0);
            p->sum = root.leaf - (int)x->own.begin;
        }
}

// The rank that owns a bucket; neighbours have different ones.
static int owner_of(const exchange_t *x, int bucket)
{
    return bucket % x->owners;
}

static void measure_shares(exchange_t *x)
{
    int size = x->par->size;
    x->count = MEM_NEW(int, size);
    x->first = MEM_NEW(int, size);
    for (int b = 0; b < x->buckets; b++) {
        range_t r = exchange_bucket(x, b);
        x->count[owner_of(x, b)] += par_count(r.end - r.begin);
    }
    for (int r = 1; r < size; r++)
        x->first[r] = par_count((int64_t)x->first[r - 1] + x->count[r - 1]);
}

// Floats of an array in the shared memory: whole cache lines.
static int64_t stride(const exchange_t *x)
{
    enum { LINE = 16 };
    return (x->n + LINE - 1) / LINE * LINE;
}

static int64_t arrays_of(const exchange_t *x, int rank)
{
    range_t own = par_tree_share(x->slices, rank, x->par->size);
    return own.end - own.begin;
}

// Floats before what a rank spreads, which lies behind its arrays.
static int64_t spread_offset(const exchange_t *x, int rank)
{
    return arrays_of(x, rank) * stride(x);
}

// Floats before its marks, which lie behind that.
static int64_t marks_offset(const exchange_t *x, int rank)
{
    return spread_offset(x, rank) + stride(x);
}

static const float *memory_of(const exchange_t *x, int rank)
{
    return par_shared_of(x->shared, rank);
}

static int64_t mark_index(const exchange_t *x, int array, int bucket)
{
    return (int64_t)array * x->buckets + bucket;
}

static void share_memory(exchange_t *x, int island)
{
    int64_t arrays = x->own.end - x->own.begin;
    size_t floats = (size_t)((arrays + 1) * stride(x)), marks = (size_t)(arrays * x->buckets);
    x->shared = par_shared_create(x->par, floats * sizeof(float) + marks * sizeof(mark_t), island);
    x->mine = MEM_NEW(float *, arrays + 1);
    for (int64_t k = 0; k < arrays; k++)
        x->mine[k] = (float *)par_shared_mine(x->shared) + k * stride(x);
    if (!par_shared_everywhere(x->shared))
        x->received = MEM_NEW(float, x->n + 1);
}

exchange_t *exchange_create(const par_t *par, int slices, int64_t n, int island)
{
    CHECK(slices > 0, "an exchange of %d slices", slices);
    exchange_t *x = MEM_NEW(exchange_t, 1);
    *x = (exchange_t){.par = par, .slices = slices, .n = n, .size = EXCHANGE_BUCKET, .round = 1};
    while (n / x->size >= MOST_BUCKETS)
        x->size *= 2;
    x->buckets = (int)((n + x->size - 1) / x->size);
    x->owners = par->size < slices ? par->size : slices;
    x->own = par_tree_share(slices, par->rank, par->size);
    share_memory(x, island);
    x->bucket = MEM_NEW(bucket_t, x->buckets + 1);
    for (int b = 0; b < x->buckets; b++)
        x->bucket[b].request = MPI_REQUEST_NULL;
    write_programs(x);
    measure_shares(x);
    return x;
}

void exchange_destroy(exchange_t **exchange)
{
    exchange_t *x = *exchange;
    if (x == NULL)
        return;
    if (par_any(x->par, x->started > 0))
        exchange_finish(x);
    par_barrier(x->par);
    par_shared_destroy(&x->shared);
    for (int k = 0; k < x->owners * TURNS; k++)
        free(x->program[k].step);
    free(x->program);
    free(x->mine);
    free(x->received);
    free(x->bucket);
    free(x->count);
    free(x->first);
    free(x);
    *exchange = NULL;
}

float *exchange_array(const exchange_t *x, int k)
{
    CHECK(k >= 0 && k < arrays_of(x, x->par->rank), "slice %d of this rank", k);
    return x->mine[k];
}

int exchange_buckets(const exchange_t *x)
{
    return x->buckets;
}

range_t exchange_bucket(const exchange_t *x, int bucket)
{
    int64_t begin = bucket * x->size, end = begin + x->size;
    return (range_t){begin, end < x->n ? end : x->n};
}

bool exchange_owns(const exchange_t *x, int bucket)
{
    return owner_of(x, bucket) == x->par->rank;
}

static const program_t *program_of(const exchange_t *x, int bucket)
{
    return &x->program[owner_of(x, bucket) * TURNS + bucket / x->owners % TURNS];
}

static void begin_message(exchange_t *x, int b, const step_t *s)
{
    range_t r = exchange_bucket(x, b);
    int count = par_count(r.end - r.begin), tag = FIRST_TAG + b;
    MPI_Request *request = &x->bucket[b].request;
    if (s->kind == STEP_SEND)
        TRY_MPI(MPI_Isend(x->mine[s->from] + r.begin, count, MPI_FLOAT, s->peer, tag, x->par->comm,
                          request));
    else
        TRY_MPI(MPI_Irecv(x->received + r.begin, count, MPI_FLOAT, s->peer, tag, x->par->comm,
                          request));
}

static void add(exchange_t *x, int b, int into, const float *from)
{
    range_t r = exchange_bucket(x, b);
    vec_add(r.end - r.begin, x->mine[into] + r.begin, from + r.begin, x->mine[into] + r.begin);
}

static bool message_is_through(exchange_t *x, int b, const step_t *s)
{
    int done = 0;
    if (x->bucket[b].request == MPI_REQUEST_NULL)
        begin_message(x, b, s);
    TRY_MPI(MPI_Test(&x->bucket[b].request, &done, MPI_STATUS_IGNORE));
    if (done && s->kind == STEP_RECEIVE)
        add(x, b, s->into, x->received);
    return done;
}

static bool take(exchange_t *x, int b, const step_t *s)
{
    const float *theirs = memory_of(x, s->peer);
    const mark_t *marks = (const mark_t *)(const void *)(theirs + marks_offset(x, s->peer));
    const mark_t *mark = marks + mark_index(x, s->from, b);
    if (atomic_load_explicit(mark, memory_order_acquire) != x->round)
        return false;
    add(x, b, s->into, theirs + s->from * stride(x));
    return true;
}

static void put_mark(exchange_t *x, int b, const step_t *s)
{
    float *mine = par_shared_mine(x->shared);
    mark_t *marks = (mark_t *)(void *)(mine + marks_offset(x, x->par->rank));
    atomic_store_explicit(marks + mark_index(x, s->from, b), x->round, memory_order_release);
}

// True when it is done; false: it has to wait.
static bool run_step(exchange_t *x, int b, const step_t *s)
{
    switch (s->kind) {
    case STEP_ADD:
        add(x, b, s->into, x->mine[s->from]);
        return true;
    case STEP_MARK:
        put_mark(x, b, s);
        return true;
    case STEP_TAKE:
        return take(x, b, s);
    case STEP_SEND:
    case STEP_RECEIVE:
        return message_is_through(x, b, s);
    }
    return true;
}

// Runs a bucket's program until it has to wait; true at its end.
static bool advance(exchange_t *x, int b)
{
    const program_t *p = program_of(x, b);
    bucket_t *bucket = &x->bucket[b];
    for (; bucket->next < p->n; bucket->next++)
        if (!run_step(x, b, &p->step[bucket->next]))
            return false;
    return true;
}

static bool advance_all(exchange_t *x)
{
    bool all = true;
    for (int b = 0; b < x->buckets; b++)
        if (x->bucket[b].ready && !advance(x, b))
            all = false;
    return all;
}

void exchange_ready(exchange_t *x, int bucket)
{
    CHECK(!x->bucket[bucket].ready, "bucket %d is ready twice", bucket);
    x->bucket[bucket].ready = true;
    x->started++;
    advance(x, bucket);
}

void exchange_progress(exchange_t *x)
{
    advance_all(x);
}

void exchange_finish(exchange_t *x)
{
    for (int b = 0; b < x->buckets; b++)
        x->bucket[b].ready = true;
    while (!advance_all(x))
        sched_yield();
    for (int b = 0; b < x->buckets; b++)
        x->bucket[b] = (bucket_t){.request = MPI_REQUEST_NULL};
    x->started = 0;
    x->round++;
}

const float *exchange_sum(const exchange_t *x, int bucket)
{
    CHECK(exchange_owns(x, bucket), "bucket %d is not this rank's", bucket);
    return x->mine[program_of(x, bucket)->sum] + exchange_bucket(x, bucket).begin;
}

// The buckets of a rank between an array and where they lie packed, one after the other.
static void pack(const exchange_t *x, int rank, const float *array, float *packed)
{
    for (int b = rank; b < x->buckets; b += x->owners) {
        range_t r = exchange_bucket(x, b);
        memcpy(packed, array + r.begin, (size_t)(r.end - r.begin) * sizeof *array);
        packed += r.end - r.begin;
    }
}

static void unpack(const exchange_t *x, int rank, const float *packed, float *array)
{
    for (int b = rank; b < x->buckets; b += x->owners) {
        range_t r = exchange_bucket(x, b);
        memcpy(array + r.begin, packed, (size_t)(r.end - r.begin) * sizeof *array);
        packed += r.end - r.begin;
    }
}

// All ranks are on one machine: each lays its buckets out, and copies those of the others.
static void spread_here(const exchange_t *x, float *array)
{
    int rank = x->par->rank;
    float *mine = (float *)par_shared_mine(x->shared) + spread_offset(x, rank);
    if (rank < x->owners)
        pack(x, rank, array, mine);
    par_barrier(x->par);
    for (int r = 0; r < x->owners; r++)
        if (r != rank)
            unpack(x, r, memory_of(x, r) + spread_offset(x, r), array);
    par_barrier(x->par);
}

static void spread_by_message(const exchange_t *x, float *array)
{
    int rank = x->par->rank;
    if (rank < x->owners)
        pack(x, rank, array, x->received + x->first[rank]);
    TRY_MPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, x->received, x->count, x->first,
                           MPI_FLOAT, x->par->comm));
    for (int r = 0; r < x->owners; r++)
        if (r != rank)
            unpack(x, r, x->received + x->first[r], array);
}

void exchange_spread(const exchange_t *x, float *array)
{
    if (x->par->size == 1)
        return;
    if (par_shared_everywhere(x->shared))
        spread_here(x, array);
    else
        spread_by_message(x, array);
}
