/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether messages travel: ZeroMQ with encryption (CURVE), tried over the loopback with keys made for it. Not collective.
 */
#ifndef CLUSTER_WIRE_CHECK_H
#define CLUSTER_WIRE_CHECK_H

#include "cluster/findings.h"

void wire_check(findings_t *out);

#endif
