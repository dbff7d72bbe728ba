/* SPDX-License-Identifier: Apache-2.0
 *
 * Fresh rows for training: simulated by workers that come and go, kept in the study's bank, and handed to all ranks in chunks.
 *
 * Fresh rows are rows [first, end) of the bank, so the bank grows as a campaign would have made it, byte for byte. Rank 0
 * has the hub (hub.h), which lends them to workers, and writes the bank; the other ranks only get chunks. Memory is bounded
 * by the look-ahead and some shards: where training is slow, nothing more is lent, and the workers wait.
 *
 * What a crash of this program costs: rows that were not yet journaled, `bank.journal_seconds` of simulation beside what
 * came since the last call of feed_next. Workers keep such rows and send them again; what is lost all the same is simulated
 * again, to the same bytes. Rows that the bank has already are taken from it and not lent.
 */
#ifndef COORDINATOR_FEED_H
#define COORDINATOR_FEED_H

#include "cluster/err.h"
#include "cluster/par.h"
#include "coordinator/feed_report.h"
#include "coordinator/study.h"

/* Texts and arrays are borrowed until feed_open returns, study and schema until feed_close. The same on every rank. */
typedef struct {
    const char *endpoint; // "tcp://127.0.0.1:*"
    const char *keys;     // folder of keys (cluster/keyring.h); NULL: none, on the loopback alone
    const char *hub_key;  // the hub's name in it; NULL without keys
    const study_t *study; // of the bank, and the text that workers get
    const schema_t *schema;
    int64_t first, end; // fresh rows of the bank
    int64_t look_ahead; // rows that may come before training has used them; at least chunk_rows
    int64_t chunk_rows; // of one call of feed_next
    bool arrival;       // chunks are made of the rows that came first; else of rows in order
    int64_t position;   // rows [first, position) were used before; `first` at the beginning
    int64_t n_consumed; // rows at or beyond position that were used too (arrival), ...
    const int64_t *consumed; // (n_consumed) ... ascending
    int beat_ms;             // between two words of a worker, three of which it may miss; 0: 2,000
} feed_config_t;

typedef struct feed feed_t; // opaque; each rank has one

/* Takes the bank's lock, starts the hub. ERR_USAGE: the bank lacks rows before `first`, or the endpoint is not for us;
 * ERR_LOCKED, ERR_IO, ERR_MISMATCH: of the bank. Collective; the same code on every rank. */
err_t feed_open(const par_t *par, const feed_config_t *config, feed_t **out) ERR_MUST_CHECK;
/* Where workers connect, with the port it got; valid until feed_close. Rank 0 alone; elsewhere NULL. */
const char *feed_endpoint(const feed_t *feed);

/* The next chunk into `rows` (capacity of chunk_rows; n is set; the last one may be shorter, and by arrival any one after a
 * row that was long in coming), the same on every rank. Rows that failed are among them; reasons are not told. *got is false where it is not there within timeout_ms, or a stop was
 * asked for. Journals and seals meanwhile, so call it often, with a timeout of 0 where there is other work. ERR_IO (the
 * disk is full), ERR_LOCKED, ERR_SIMULATOR (more rows fail than bank.failure_limit allows): nothing that is on disk is
 * lost, and the same command goes on; then only feed_close. Collective; the same code on every rank. */
err_t feed_next(feed_t *feed, int timeout_ms, rows_t *rows, bool *got) ERR_MUST_CHECK;
/* All rows [first, end) were handed out. Not collective; the same on every rank. */
bool feed_over(const feed_t *feed);
/* After it all rows handed out so far are durable: before a checkpoint. Errors as feed_next. Collective. */
err_t feed_keep(feed_t *feed) ERR_MUST_CHECK;
/* For the checkpoint: rows before the returned one were all handed out, and beyond it the n ones of `consumed` (ascending;
 * valid until the next call that changes the feed). Not collective; the same on every rank. */
int64_t feed_position(const feed_t *feed, int64_t *n, const int64_t **consumed);

/* Rank 0 alone. Its workers are valid until the next one, or feed_close. */
feed_report_t feed_report(feed_t *feed);
/* What `infermill status` shows of the trainer. Rank 0's counts; any rank may call. */
void feed_note(feed_t *feed, const feed_trainer_t *trainer);

/* Keeps what came, seals what is complete. Where all rows are in the bank, workers are told to end; else they look for the
 * next hub. NULL is fine; what fails is told as a warning. Collective. */
void feed_close(feed_t **feed);

#endif
