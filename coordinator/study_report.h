/* SPDX-License-Identifier: Apache-2.0
 *
 * report.md, report.html and report.json of a study, from what lies in its folder of results and what was inferred.
 */
#ifndef COORDINATOR_STUDY_REPORT_H
#define COORDINATOR_STUDY_REPORT_H

#include "coordinator/amortizer_file.h"
#include "cluster/par.h"
#include "diagnostics/gate.h"
#include "diagnostics/report.h"

/* `inferred` NULL: real data were not judged (yet). One rank. */
err_t study_report(const par_t *par, const char *folder, const char *study,
                   const trained_t *trained, const gate_record_t *gate,
                   const report_inferred_t *inferred) ERR_MUST_CHECK;

#endif
