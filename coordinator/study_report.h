/* SPDX-License-Identifier: Apache-2.0
 *
 * report.md, report.html and report.json of a study, from what its stages know and what lies in its folder of results.
 * Every training and every diagnosis writes them, and inference does.
 */
#ifndef COORDINATOR_STUDY_REPORT_H
#define COORDINATOR_STUDY_REPORT_H

#include "cluster/par.h"
#include "coordinator/amortizer_file.h"
#include "coordinator/study.h"
#include "diagnostics/gate.h"
#include "diagnostics/report.h"
#include "storage/bank.h"

typedef struct {
    const par_t *par;
    const char *folder; // of the results
    const study_t *study;
    const trained_t *trained;
    bank_t *bank;                      // NULL: what an earlier report says of it stays
    const gate_record_t *gate;         // NULL: not diagnosed yet
    const advice_list_t *advice;       // NULL: what an earlier report says stays
    const report_inferred_t *inferred; // NULL: what an earlier report says of it stays
    const report_told_t *told;         // likewise
} study_report_t;

/* One rank. ERR_IO; ERR_FORMAT where the bank can not be read. */
err_t study_report(const study_report_t *what) ERR_MUST_CHECK;
/* The report of what lies in the folder, once more: what was added to it is told, what earlier reports knew stays. One rank. */
err_t study_report_again(const par_t *par, const char *folder, const study_t *study) ERR_MUST_CHECK;

#endif
