// SPDX-License-Identifier: Apache-2.0
#include "cluster/log.h"
#include "coordinator/bench.h"
#include "coordinator/command.h"
#include "coordinator/json_out.h"
#include "coordinator/run_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_add(bench_t *b, bench_row_t row)
{
    CHECK(b->n < BENCH_MAX_ROWS, "%d stages are too many", b->n + 1);
    b->row[b->n++] = row;
}

static err_t measure(bench_t *b)
{
    TRY(par_agree(b->par, simulator_load_builtin("ddm", &b->simulator)));
    bench_gemm(b);
    TRY(bench_simulate(b));
    TRY(bench_networks(b));
    return bench_storage(b);
}

static void print_text(const bench_t *b)
{
    char *software = software_text();
    printf("%s\n%d ranks; sgemm (2048) %.0f GF/s in all\n\n", software, b->par->size, b->gemm);
    int width = 0;
    for (int i = 0; i < b->n; i++)
        width = (int)strlen(b->row[i].stage) > width ? (int)strlen(b->row[i].stage) : width;
    printf("%-*s %12s %-9s %10s %10s %-6s %6s\n", width, "stage", "rate", "", "does", "limit", "",
           "ratio");
    for (int i = 0; i < b->n; i++) {
        const bench_row_t *r = &b->row[i];
        printf("%-*s %12.5g %-9s ", width, r->stage, r->rate, r->unit);
        if (r->limit > 0)
            printf("%10.4g %10.4g %-6s %6.2f", r->work, r->limit, r->limit_unit,
                   r->work / r->limit);
        printf("\n");
    }
    free(software);
}

static void print_json(const bench_t *b)
{
    json_t *stages = json_array();
    for (int i = 0; i < b->n; i++) {
        const bench_row_t *r = &b->row[i];
        json_t *stage =
            json_pack("{s:s,s:f,s:s}", "stage", r->stage, "rate", r->rate, "unit", r->unit);
        if (r->limit > 0)
            json_object_update_new(stage, json_pack("{s:f,s:f,s:s,s:f}", "work", r->work, "limit",
                                                    r->limit, "limit_unit", r->limit_unit, "ratio",
                                                    r->work / r->limit));
        json_array_append_new(stages, stage);
    }
    char *software = software_text();
    json_t *all = json_pack("{s:s,s:i,s:f,s:o}", "software", software, "ranks", b->par->size,
                            "sgemm_gflops", b->gemm, "stages", stages);
    json_print(all);
    json_decref(all);
    free(software);
}

err_t command_bench(const par_t *par, const options_t *options)
{
    bench_t bench = {.par = par};
    if (par->rank == 0)
        log_info("bench: a minute or two");
    err_t err = measure(&bench);
    if (err == OK && par->rank == 0) {
        if (options->json)
            print_json(&bench);
        else
            print_text(&bench);
    }
    rows_destroy(&bench.rows);
    simulator_close(&bench.simulator);
    return err;
}
