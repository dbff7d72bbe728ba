// SPDX-License-Identifier: Apache-2.0
#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"
#include "workers/stream.h"
#include "workers/stream_blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BLOCK_ROWS = 10, MOST_BLOCKS = 64, WAIT_MS = 100 };

typedef struct {
    schema_t schema;
    wire_t *wire;
    wire_socket_t *worker, *hub;
    stream_blocks_t *blocks;
    size_t block_bytes;
} line_t;

static void put(line_t *l, int64_t first)
{
    rows_t rows = rows_create(&l->schema, BLOCK_ROWS);
    sample_rows(1, first, first + BLOCK_ROWS, &rows);
    stream_rows_t packed = stream_pack_rows(0, &rows, 0, BLOCK_ROWS);
    l->block_bytes = packed.n;
    stream_blocks_put(l->blocks, &packed);
    rows_destroy(&rows);
}

// Room for so many sent blocks; so many are there, of rows [0, 10), [10, 20) ...
static line_t open_line(int most, int n)
{
    line_t l = {.schema = sample_schema()};
    l.block_bytes = BLOCK_ROWS * rows_bytes(&l.schema);
    l.blocks = stream_blocks_create((size_t)most * l.block_bytes);
    assert_int_equal(wire_start(&l.wire), OK);
    assert_int_equal(wire_pair(l.wire, &l.worker, &l.hub), OK);
    for (int i = 0; i < n; i++)
        put(&l, (int64_t)i * BLOCK_ROWS);
    return l;
}

static void close_line(line_t *l)
{
    stream_blocks_destroy(&l->blocks);
    wire_close(&l->worker);
    wire_close(&l->hub);
    wire_stop(&l->wire);
    schema_free(&l->schema);
}

// First rows of the blocks that come now; how many.
static int receive(line_t *l, uint64_t run, int64_t first[MOST_BLOCKS])
{
    int n = 0;
    message_t head;
    wire_data_t data;
    stream_rows_t rows;
    while (n < MOST_BLOCKS &&
           wire_receive_data(l->hub, WAIT_MS, NULL, &head, &data) == WIRE_MESSAGE) {
        assert_int_equal(stream_read_rows(&head, data.n, data.bytes, &rows), OK);
        assert_int_equal(rows.run, run);
        first[n++] = rows.first;
        wire_data_free(&data);
    }
    return n;
}

static void each_is_sent_once_and_again_when_asked(void **state)
{
    (void)state;
    int64_t first[MOST_BLOCKS];
    line_t l = open_line(10, 3);
    assert_true(stream_blocks_send(l.blocks, 5, l.worker));
    assert_true(stream_blocks_send(l.blocks, 5, l.worker));
    assert_int_equal(receive(&l, 5, first), 3);
    assert_int_equal(first[2], 20);
    assert_true(stream_blocks_move(l.blocks)); // the other end has taken them
    assert_false(stream_blocks_move(l.blocks));
    stream_blocks_again(l.blocks);
    assert_true(stream_blocks_send(l.blocks, 6, l.worker));
    assert_int_equal(receive(&l, 6, first), 3);
    assert_int_equal(first[0], 0);
    close_line(&l);
}

static void durable_rows_are_forgotten(void **state)
{
    (void)state;
    int64_t first[MOST_BLOCKS];
    line_t l = open_line(10, 4);
    stream_blocks_kept(l.blocks, 0, 5); // half of the first, from both sides in turn
    stream_blocks_kept(l.blocks, 12, 18);
    assert_int_equal(stream_blocks_bytes(l.blocks), 4 * l.block_bytes);
    stream_blocks_kept(l.blocks, 5, 10);
    assert_int_equal(stream_blocks_bytes(l.blocks), 3 * l.block_bytes);
    stream_blocks_kept(l.blocks, 25, 100); // half of the third, and the fourth
    assert_int_equal(stream_blocks_bytes(l.blocks), 2 * l.block_bytes);
    assert_true(stream_blocks_send(l.blocks, 5, l.worker));
    assert_int_equal(receive(&l, 5, first), 2);
    assert_int_equal(first[0], 10);
    assert_int_equal(first[1], 20);
    put(&l, 70); // behind what was taken out
    assert_true(stream_blocks_send(l.blocks, 5, l.worker));
    assert_int_equal(receive(&l, 5, first), 1);
    close_line(&l);
}

static void the_oldest_sent_are_forgotten_beyond_the_limit(void **state)
{
    (void)state;
    int64_t first[MOST_BLOCKS];
    line_t l = open_line(3, 5);
    assert_int_equal(stream_blocks_bytes(l.blocks), 5 * l.block_bytes); // none was sent
    assert_true(stream_blocks_send(l.blocks, 5, l.worker));
    assert_int_equal(stream_blocks_bytes(l.blocks), 3 * l.block_bytes);
    assert_int_equal(receive(&l, 5, first), 5); // all were sent nevertheless
    stream_blocks_again(l.blocks);
    assert_true(stream_blocks_send(l.blocks, 6, l.worker));
    assert_int_equal(receive(&l, 6, first), 3);
    assert_int_equal(first[0], 20);
    close_line(&l);
}

// Nobody reads: the socket takes what it has room for, the rest stays unsent, and nothing moves.
static void what_a_full_socket_does_not_take_stays(void **state)
{
    (void)state;
    int64_t first[MOST_BLOCKS];
    enum { MANY = 3000 }; // more than a pair of sockets holds
    line_t l = open_line(MANY, MANY);
    assert_false(stream_blocks_send(l.blocks, 5, l.worker));
    assert_false(stream_blocks_send(l.blocks, 5, l.worker));
    assert_false(stream_blocks_move(l.blocks));
    int64_t next = 0;
    for (int n = 1; n > 0;) {
        n = receive(&l, 5, first);
        for (int i = 0; i < n; i++, next += BLOCK_ROWS)
            assert_int_equal(first[i], next);
        stream_blocks_send(l.blocks, 5, l.worker);
    }
    assert_int_equal(next, (int64_t)MANY * BLOCK_ROWS); // in order, each once
    assert_true(stream_blocks_move(l.blocks));
    close_line(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_sent_once_and_again_when_asked),
        cmocka_unit_test(durable_rows_are_forgotten),
        cmocka_unit_test(the_oldest_sent_are_forgotten_beyond_the_limit),
        cmocka_unit_test(what_a_full_socket_does_not_take_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
