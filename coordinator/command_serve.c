// SPDX-License-Identifier: Apache-2.0
#include "cluster/keyring.h"
#include "cluster/mem.h"
#include "cluster/stop.h"
#include "coordinator/command.h"
#include "coordinator/run_folder.h"
#include "coordinator/serve.h"

#include <stdlib.h>
#include <unistd.h>

enum { DRAWS = 1000 };
static const char anywhere[] = "tcp://127.0.0.1:5556";

static int threads_of(const options_t *o)
{
    int64_t n = o->ranks > 0 ? o->ranks : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > SERVE_THREADS ? SERVE_THREADS : (int)n;
}

static err_t serve_model(const options_t *o, const char *model)
{
    char *keys = o->keys || o->key ? keyring_folder(o->keys) : NULL;
    serve_config_t config = {.model = model,
                             .endpoint = o->listen ? o->listen : anywhere,
                             .keys = keys,
                             .own_key = o->key,
                             .unverified = o->unverified,
                             .draws = o->draws > 0 ? o->draws : DRAWS,
                             .seed = o->seed >= 0 ? o->seed : 1,
                             .threads = threads_of(o)};
    err_t err = serve_run(&config);
    free(keys);
    return err;
}

static err_t serve_study(const options_t *o)
{
    study_t study;
    TRY(study_read(o->arguments[0], &study));
    char *folder = run_folder_path(&study, NULL);
    char *model = run_folder_file(folder, "amortizer.h5");
    err_t err = serve_model(o, model);
    free(model);
    free(folder);
    study_free(&study);
    return err;
}

err_t command_serve(const par_t *par, const options_t *o)
{
    (void)par;
    stop_install();
    if ((o->model != NULL) == (o->n_arguments > 0))
        return err_fail(ERR_USAGE, "serve: expected STUDY or --model FILE");
    return o->model != NULL ? serve_model(o, o->model) : serve_study(o);
}
