// SPDX-License-Identifier: Apache-2.0
// A study file and what is made of it: the networks of a built-in simulator, the text of its training settings.
#include "coordinator/study.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static err_t use(const study_t *study)
{
    simulator_t *simulator = NULL;
    amortizer_config_t network;
    if (study->model.builtin == NULL)
        return OK;
    TRY(study_simulator(study, &simulator));
    err_t err = study_network(study, simulator_schema(simulator), &network);
    if (err == OK)
        free(study_training_text(study, &network));
    simulator_close(&simulator);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    study_t study;
    err_t err = study_read(fuzz_file("study.yaml", data, size), &study);
    fuzz_expect_words(err);
    if (err == OK) {
        fuzz_expect_words(use(&study));
        study_free(&study);
    }
    return 0;
}
