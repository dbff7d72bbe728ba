/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows a streaming worker has finished and the hub has not called durable yet, in the blocks they are sent in. A block
 * that is being sent lies in memory until ZeroMQ is done with it, also when it is forgotten here. Of one thread.
 */
#ifndef WORKERS_STREAM_BLOCKS_H
#define WORKERS_STREAM_BLOCKS_H

#include "cluster/wire.h"
#include "workers/stream_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct stream_blocks stream_blocks_t; // opaque

/* Sent blocks of more than `most` bytes together are forgotten, oldest first: their rows are simulated again if they were
 * lost. Blocks that were not sent yet stay. */
stream_blocks_t *stream_blocks_create(size_t most);
void stream_blocks_destroy(stream_blocks_t **blocks);

void stream_blocks_put(stream_blocks_t *blocks, const stream_rows_t *rows); // takes its data over
/* Sends what was not sent yet, in order, without waiting, as rows of this run. True: nothing is left unsent. */
bool stream_blocks_send(stream_blocks_t *blocks, uint64_t run, wire_socket_t *socket);
/* Whether the socket has finished with a block since the last call of this: then the other end takes what is sent. */
bool stream_blocks_move(stream_blocks_t *blocks);
void stream_blocks_again(stream_blocks_t *blocks); // all are to be sent again
/* Rows [begin, end) are durable. A block is forgotten once all its rows are. */
void stream_blocks_kept(stream_blocks_t *blocks, int64_t begin, int64_t end);
void stream_blocks_clear(stream_blocks_t *blocks);
size_t stream_blocks_bytes(const stream_blocks_t *blocks); // of all that is held

#endif
