// SPDX-License-Identifier: Apache-2.0
//
// A ring of one byte a row, the window, says what was lent and what has come; a list of open leases says to whom.
//
//     low ........ head ............ next ......... limit ..... low + capacity
//     all came     came, lent, back   never lent     not yet to be lent
#include "coordinator/hub_policy.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GROWTH = 8, COPIES = 3 }; // of leases; of one range at the same time

static const double grace = 1; // seconds beyond twice what a lease should take, for messages

typedef enum { IDLE, LENT, CAME } row_state_t;

typedef struct {
    hub_lease_t is;
    int64_t left; // rows that have not come
    double granted, expected;
} open_lease_t;

typedef struct {
    bool here, asks, lost; // lost: silent, its leases were taken
    hub_ask_t ask;         // the latest
    hub_lease_t latest;
    bool stands;  // the latest lease does
    int open;     // leases
    int64_t size; // of the latest lease
    double heard;
    int64_t rows, twice;
} worker_t;

struct hub_policy {
    hub_plan_t plan;
    int64_t low, limit, head, next;
    uint8_t *state;   // (capacity) row_state_t of row i at i % capacity
    uint8_t *copies;  // (capacity) leases that were given for it
    int64_t came;     // rows at or beyond low that have come
    int64_t back;     // rows below next that are IDLE ...
    int64_t back_low; // ... none of them below this one
    int64_t lent_again;
    int n_leases, leases_cap;
    open_lease_t *lease;
    int n_workers, workers_cap, live, cursor;
    worker_t *worker;
};

hub_plan_t hub_plan_default(int64_t first, int64_t end, int64_t capacity, double beat_seconds)
{
    return (hub_plan_t){.first = first,
                        .end = end,
                        .capacity = capacity,
                        .lease_seconds = 0.2,
                        .silence = 3 * beat_seconds,
                        .patience = 30};
}

hub_policy_t *hub_policy_create(const hub_plan_t *plan)
{
    CHECK(plan->first >= 0 && plan->first <= plan->end && plan->capacity >= 1,
          "rows %ld to %ld through a window of %ld", (long)plan->first, (long)plan->end,
          (long)plan->capacity);
    hub_policy_t *p = MEM_NEW(hub_policy_t, 1);
    *p = (hub_policy_t){.plan = *plan};
    p->low = p->limit = p->head = p->next = p->back_low = plan->first;
    p->state = MEM_NEW(uint8_t, plan->capacity);
    p->copies = MEM_NEW(uint8_t, plan->capacity);
    return p;
}

void hub_policy_destroy(hub_policy_t **policy)
{
    hub_policy_t *p = *policy;
    if (p == NULL)
        return;
    free(p->state);
    free(p->copies);
    free(p->lease);
    free(p->worker);
    free(p);
    *policy = NULL;
}

static uint8_t *state_of(const hub_policy_t *p, int64_t row)
{
    return &p->state[row % p->plan.capacity];
}

static uint8_t *copies_of(const hub_policy_t *p, int64_t row)
{
    return &p->copies[row % p->plan.capacity];
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- the window ---- */

static void find_head(hub_policy_t *p)
{
    while (p->head < p->limit && *state_of(p, p->head) == CAME)
        p->head++;
}

void hub_policy_window(hub_policy_t *p, int64_t low, int64_t limit)
{
    CHECK(low >= p->low && low <= p->head && limit >= p->limit && limit <= p->plan.end &&
              limit - low <= p->plan.capacity,
          "window of rows %ld to %ld after %ld to %ld, head at %ld", (long)low, (long)limit,
          (long)p->low, (long)p->limit, (long)p->head);
    p->came -= low - p->low;
    for (; p->low < low; p->low++)
        *state_of(p, p->low) = *copies_of(p, p->low) = 0;
    p->limit = limit;
    p->next = most(p->next, low);
    p->back_low = most(p->back_low, low);
    find_head(p);
}

/* ---- leases ---- */

static bool covers(const open_lease_t *l, int64_t row)
{
    return l->is.begin <= row && row < l->is.end;
}

static bool is_lent(const hub_policy_t *p, int64_t row)
{
    for (int k = 0; k < p->n_leases; k++)
        if (covers(&p->lease[k], row))
            return true;
    return false;
}

static open_lease_t lease_end(hub_policy_t *p, int k)
{
    open_lease_t l = p->lease[k];
    worker_t *w = &p->worker[l.is.worker];
    p->lease[k] = p->lease[--p->n_leases];
    w->open--;
    w->stands = w->stands && w->latest.number != l.is.number;
    return l;
}

// What has not come of it, and nobody else has, is to be lent again.
static void lease_back(hub_policy_t *p, int k)
{
    open_lease_t l = lease_end(p, k);
    for (int64_t row = most(l.is.begin, p->low); row < l.is.end; row++) {
        if (*state_of(p, row) != LENT)
            continue;
        --*copies_of(p, row);
        if (is_lent(p, row))
            continue;
        *state_of(p, row) = IDLE;
        p->back++;
        p->back_low = least(p->back_low, row);
    }
}

// Leases of a worker up to this number.
static void worker_leases_back(hub_policy_t *p, int worker, int64_t number)
{
    for (int k = p->n_leases - 1; k >= 0; k--)
        if (p->lease[k].is.worker == worker && p->lease[k].is.number <= number)
            lease_back(p, k);
}

static hub_lease_t lend(hub_policy_t *p, double now, int worker, int64_t begin, int64_t end)
{
    worker_t *w = &p->worker[worker];
    if (p->n_leases == p->leases_cap) {
        p->leases_cap = 2 * p->leases_cap + 16;
        p->lease = MEM_GROW(p->lease, open_lease_t, p->leases_cap);
    }
    w->asks = false;
    w->stands = true;
    w->open++;
    w->size = end - begin;
    w->latest = (hub_lease_t){worker, w->ask.number, begin, end};
    p->lease[p->n_leases++] =
        (open_lease_t){w->latest, end - begin, now, (double)(end - begin) * w->ask.row_seconds};
    for (int64_t row = begin; row < end; row++) {
        *state_of(p, row) = LENT;
        ++*copies_of(p, row);
    }
    return w->latest;
}

/* ---- what an ask gets ---- */

static int64_t lease_rows(const hub_policy_t *p, const worker_t *w)
{
    int64_t share = (p->limit - p->low) / (2 * (int64_t)p->live), grown = GROWTH * w->size;
    double fit = w->ask.row_seconds > 0 ? p->plan.lease_seconds / w->ask.row_seconds : 1;
    int64_t rows = least(w->ask.rows, w->size > 0 ? least(grown, share) : 1);
    return most(1, fit < (double)rows ? (int64_t)fit : rows);
}

// As many rows from `begin` on as are in this state, up to `rows` and `top`.
static int64_t run_end(const hub_policy_t *p, row_state_t state, int64_t begin, int64_t rows,
                       int64_t top)
{
    int64_t end = begin;
    for (top = least(top, begin + rows); end < top && *state_of(p, end) == state;)
        end++;
    return end;
}

static bool lend_back(hub_policy_t *p, double now, int worker, hub_lease_t *out)
{
    if (p->back == 0)
        return false;
    while (*state_of(p, p->back_low) != IDLE)
        p->back_low++;
    int64_t end = run_end(p, IDLE, p->back_low, lease_rows(p, &p->worker[worker]), p->next);
    p->back -= end - p->back_low;
    *out = lend(p, now, worker, p->back_low, end);
    return true;
}

static bool lend_next(hub_policy_t *p, double now, int worker, hub_lease_t *out)
{
    while (p->next < p->limit && *state_of(p, p->next) == CAME)
        p->next++;
    if (p->next >= p->limit)
        return false;
    int64_t end = run_end(p, IDLE, p->next, lease_rows(p, &p->worker[worker]), p->limit);
    *out = lend(p, now, worker, p->next, end);
    p->next = end;
    return true;
}

/* ---- the head of the line once more ---- */

typedef struct {
    bool wanted;  // by a worker that is idle
    bool overdue; // by any
    bool lost;    // whoever has it does not bring it
} head_t;

// Half the window waits for the head, or nothing else is left to the end.
static bool head_holds_up(const hub_policy_t *p)
{
    int64_t beyond = p->came - (p->head - p->low);
    return 2 * beyond >= p->limit - p->low ||
           (p->next >= p->plan.end && p->limit == p->plan.end && p->back == 0);
}

static head_t look_at_head(const hub_policy_t *p, double now)
{
    bool lent = p->head < p->next && *state_of(p, p->head) == LENT;
    head_t h = {lent && head_holds_up(p) && *copies_of(p, p->head) < COPIES, true, lent};
    for (int k = 0; k < p->n_leases && lent; k++) {
        const open_lease_t *l = &p->lease[k];
        double age = now - l->granted;
        if (!covers(l, p->head))
            continue;
        h.overdue = h.overdue && l->expected > 0 && age > 2 * l->expected + grace;
        h.lost = h.lost && age > fmax(p->plan.patience, 10 * l->expected);
    }
    h.overdue = h.overdue && h.wanted;
    return h;
}

static bool has_head(const hub_policy_t *p, int worker)
{
    for (int k = 0; k < p->n_leases; k++)
        if (p->lease[k].is.worker == worker && covers(&p->lease[k], p->head))
            return true;
    return false;
}

static bool lend_head(hub_policy_t *p, double now, int worker, hub_lease_t *out)
{
    if (has_head(p, worker))
        return false;
    int64_t rows = lease_rows(p, &p->worker[worker]), end = p->head;
    while (end < p->next && end < p->head + rows && *state_of(p, end) == LENT &&
           *copies_of(p, end) < COPIES)
        end++;
    p->lent_again += end - p->head;
    *out = lend(p, now, worker, p->head, end);
    return true;
}

static void head_back(hub_policy_t *p)
{
    for (int k = p->n_leases - 1; k >= 0; k--)
        if (covers(&p->lease[k], p->head)) {
            p->lent_again += p->lease[k].left;
            lease_back(p, k);
        }
}

/* ---- asks ---- */

static bool answer(hub_policy_t *p, double now, int worker, const head_t *head, hub_lease_t *out)
{
    const worker_t *w = &p->worker[worker];
    if (lend_back(p, now, worker, out) || (head->overdue && lend_head(p, now, worker, out)) ||
        lend_next(p, now, worker, out) ||
        (head->wanted && w->open == 0 && lend_head(p, now, worker, out)))
        return true;
    if (head->lost)
        head_back(p);
    return lend_back(p, now, worker, out);
}

// Told again: the same answer where its lease stands, else it is open (the answer was lost, and others brought its rows).
bool hub_policy_ask(hub_policy_t *p, double now, int worker, const hub_ask_t *ask, hub_lease_t *out)
{
    worker_t *w = &p->worker[worker];
    hub_policy_heard(p, now, worker);
    if (ask->number < w->ask.number)
        return false;
    if (w->stands && ask->number == w->latest.number) {
        *out = w->latest;
        return true;
    }
    worker_leases_back(p, worker, ask->number - 2);
    w->asks = true;
    w->ask = *ask;
    head_t head = look_at_head(p, now);
    return answer(p, now, worker, &head, out);
}

bool hub_policy_serve(hub_policy_t *p, double now, hub_lease_t *out)
{
    head_t head = look_at_head(p, now);
    for (int k = 0; k < p->n_workers; k++) {
        p->cursor = (p->cursor + 1) % p->n_workers;
        const worker_t *w = &p->worker[p->cursor];
        if (w->here && w->asks && answer(p, now, p->cursor, &head, out))
            return true;
    }
    return false;
}

/* ---- workers ---- */

int hub_policy_join(hub_policy_t *p, double now)
{
    int at = 0;
    while (at < p->n_workers && p->worker[at].here)
        at++;
    if (at == p->workers_cap) {
        p->workers_cap = 2 * p->workers_cap + 16;
        p->worker = MEM_GROW(p->worker, worker_t, p->workers_cap);
    }
    p->n_workers = at == p->n_workers ? at + 1 : p->n_workers;
    p->worker[at] = (worker_t){.here = true, .heard = now};
    p->live++;
    return at;
}

void hub_policy_leave(hub_policy_t *p, int worker)
{
    worker_leases_back(p, worker, INT64_MAX);
    p->live -= !p->worker[worker].lost;
    p->worker[worker].here = false;
}

void hub_policy_heard(hub_policy_t *p, double now, int worker)
{
    worker_t *w = &p->worker[worker];
    CHECK(worker >= 0 && worker < p->n_workers && w->here, "worker %d is not here", worker);
    p->live += w->lost;
    w->lost = false;
    w->heard = now;
}

void hub_policy_tick(hub_policy_t *p, double now)
{
    for (int i = 0; i < p->n_workers; i++) {
        worker_t *w = &p->worker[i];
        if (!w->here || w->lost || now - w->heard <= p->plan.silence)
            continue;
        w->lost = true;
        p->live--;
        w->asks = false;
        worker_leases_back(p, i, INT64_MAX);
    }
}

/* ---- rows ---- */

// A row that had come back, or lay beyond all leases, is not to be lent any more.
static void row_came(hub_policy_t *p, int64_t row)
{
    p->back -= *state_of(p, row) == IDLE && row < p->next;
    *state_of(p, row) = CAME;
    p->came++;
}

static void leases_shrink(hub_policy_t *p, int64_t begin, int64_t end, const bool *fresh)
{
    for (int k = p->n_leases - 1; k >= 0; k--) {
        open_lease_t *l = &p->lease[k];
        for (int64_t row = most(begin, l->is.begin); row < least(end, l->is.end); row++)
            l->left -= fresh[row - begin];
        if (l->left == 0)
            lease_end(p, k);
    }
}

int64_t hub_policy_take(hub_policy_t *p, int worker, int64_t begin, int64_t end, bool *fresh)
{
    int64_t n = 0, twice = 0, top = worker >= 0 ? p->limit : p->low + p->plan.capacity;
    CHECK(begin >= p->plan.first && begin <= end && end <= p->plan.end,
          "rows %ld to %ld came of %ld to %ld", (long)begin, (long)end, (long)p->plan.first,
          (long)p->plan.end);
    for (int64_t row = begin; row < end; row++) {
        bool first = row >= p->low && row < top && *state_of(p, row) != CAME;
        twice += !first && row < top;
        fresh[row - begin] = first;
        n += first;
        if (first)
            row_came(p, row);
    }
    if (n > 0)
        leases_shrink(p, begin, end, fresh);
    find_head(p);
    if (worker >= 0) {
        p->worker[worker].rows += n;
        p->worker[worker].twice += twice;
    }
    return n;
}

/* ---- told ---- */

hub_worker_t hub_policy_worker(const hub_policy_t *p, int worker)
{
    const worker_t *w = &p->worker[worker];
    hub_worker_t told = {.rows = w->rows, .twice = w->twice, .asks = w->asks, .heard = w->heard};
    for (int k = 0; k < p->n_leases; k++)
        told.lent += p->lease[k].is.worker == worker ? p->lease[k].left : 0;
    return told;
}

int64_t hub_policy_lent_again(const hub_policy_t *p)
{
    return p->lent_again;
}

int64_t hub_policy_head(const hub_policy_t *p)
{
    return p->head;
}

bool hub_policy_whole(const hub_policy_t *p)
{
    return p->head == p->plan.end;
}
