// SPDX-License-Identifier: Apache-2.0
#include "workers/stream_blocks.h"

#include "cluster/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

// Sendings that have ended; outlives the list where some are still going on.
typedef struct {
    atomic_long ended;
    atomic_int users; // the list, and its blocks
} count_t;

typedef struct block {
    struct block *next;
    count_t *count;
    stream_rows_t rows;
    int64_t begin, end; // of its rows, those that are not durable yet
    bool sent;
    atomic_int users; // this list, and each sending that goes on
} block_t;

struct stream_blocks {
    block_t *first, *last;
    size_t most, bytes, sent; // limit of what was sent; held; of that sent
    count_t *count;
    long seen; // of it
};

static void count_release(count_t *count)
{
    if (atomic_fetch_sub(&count->users, 1) == 1)
        free(count);
}

static void block_release(block_t *block)
{
    if (atomic_fetch_sub(&block->users, 1) > 1)
        return;
    count_release(block->count);
    free((char *)block->rows.data);
    free(block);
}

// By ZeroMQ, on a thread of its own.
static void block_was_sent(void *bytes, void *hint)
{
    (void)bytes;
    block_t *block = hint;
    atomic_fetch_add(&block->count->ended, 1);
    block_release(block);
}

stream_blocks_t *stream_blocks_create(size_t most)
{
    stream_blocks_t *b = MEM_NEW(stream_blocks_t, 1);
    b->most = most;
    b->count = MEM_NEW(count_t, 1);
    atomic_init(&b->count->users, 1);
    return b;
}

void stream_blocks_destroy(stream_blocks_t **blocks)
{
    if (*blocks == NULL)
        return;
    stream_blocks_clear(*blocks);
    count_release((*blocks)->count);
    free(*blocks);
    *blocks = NULL;
}

// Takes out the block that stands at *link.
static void drop(stream_blocks_t *b, block_t **link)
{
    block_t *gone = *link;
    *link = gone->next;
    b->bytes -= gone->rows.n;
    b->sent -= gone->sent ? gone->rows.n : 0;
    block_release(gone);
}

static void find_last(stream_blocks_t *b)
{
    b->last = b->first;
    while (b->last != NULL && b->last->next != NULL)
        b->last = b->last->next;
}

void stream_blocks_clear(stream_blocks_t *b)
{
    while (b->first != NULL)
        drop(b, &b->first);
    b->last = NULL;
}

void stream_blocks_put(stream_blocks_t *b, const stream_rows_t *rows)
{
    block_t *block = MEM_NEW(block_t, 1);
    block->rows = *rows;
    block->begin = rows->first;
    block->end = rows->first + (int64_t)rows->count;
    atomic_init(&block->users, 1);
    block->count = b->count;
    atomic_fetch_add(&b->count->users, 1);
    if (b->last != NULL)
        b->last->next = block;
    else
        b->first = block;
    b->last = block;
    b->bytes += rows->n;
}

static bool send_one(block_t *block, uint64_t run, wire_socket_t *socket)
{
    block->rows.run = run;
    message_t head = stream_rows_head(&block->rows);
    atomic_fetch_add(&block->users, 1);
    bool sent = wire_send_data(socket, NULL, &head, block->rows.n, (char *)block->rows.data,
                               block_was_sent, block);
    if (!sent) // its end was none
        atomic_fetch_sub(&block->count->ended, 1);
    return sent;
}

static void forget_oldest(stream_blocks_t *b)
{
    for (block_t **link = &b->first; *link != NULL && b->sent > b->most;) {
        if ((*link)->sent)
            drop(b, link);
        else
            link = &(*link)->next;
    }
    find_last(b);
}

bool stream_blocks_send(stream_blocks_t *b, uint64_t run, wire_socket_t *socket)
{
    bool all = true;
    for (block_t *block = b->first; block != NULL && all; block = block->next) {
        if (block->sent)
            continue;
        all = send_one(block, run, socket);
        block->sent = all;
        b->sent += all ? block->rows.n : 0;
    }
    forget_oldest(b);
    return all;
}

bool stream_blocks_move(stream_blocks_t *b)
{
    long ended = atomic_load(&b->count->ended);
    bool moved = ended != b->seen;
    b->seen = ended;
    return moved;
}

void stream_blocks_again(stream_blocks_t *b)
{
    for (block_t *block = b->first; block != NULL; block = block->next)
        block->sent = false;
    b->sent = 0;
}

void stream_blocks_kept(stream_blocks_t *b, int64_t begin, int64_t end)
{
    for (block_t **link = &b->first; *link != NULL;) {
        block_t *block = *link;
        if (begin <= block->begin && end > block->begin)
            block->begin = end;
        else if (begin < block->end && end >= block->end)
            block->end = begin;
        if (block->begin >= block->end)
            drop(b, link);
        else
            link = &block->next;
    }
    find_last(b);
}

size_t stream_blocks_bytes(const stream_blocks_t *b)
{
    return b->bytes;
}
