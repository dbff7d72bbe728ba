/* SPDX-License-Identifier: Apache-2.0
 *
 * A fence around calls into a plugin that runs in this process. A crash inside (a bad address, a division, abort, a stack
 * that overflows) ends the program with exit code 1 and a message that names the plugin and the row; outside of the fence
 * such signals do what they did before.
 */
#ifndef WORKERS_GUARD_H
#define WORKERS_GUARD_H

#include <stdatomic.h>
#include <stdint.h>

/* One fence at a time, on one thread. `where` names the plugin. The row in the message is *first + *row, read when it
 * happens; first NULL: the plugin is being loaded. All are borrowed until guard_leave. Costs about a microsecond. */
void guard_enter(const char *where, const int64_t *first, const _Atomic int64_t *row);
void guard_leave(void);

#endif
