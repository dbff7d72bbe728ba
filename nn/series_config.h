/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of the settings that networks of series share: OK, or ERR_USAGE that names the field.
 */
#ifndef NN_SERIES_CONFIG_H
#define NN_SERIES_CONFIG_H

#include "nn/summary.h"

/* A number of columns. */
err_t series_check_width(const char *field, int got) ERR_MUST_CHECK;
err_t series_check_dropout(double got) ERR_MUST_CHECK;
/* embed_dim, heads, expansion, and depth from `least_depth` on. */
err_t series_check_attention(const summary_config_t *config, int least_depth) ERR_MUST_CHECK;

#endif
