// SPDX-License-Identifier: Apache-2.0
#include "cluster/err.h"

#include <stdlib.h>

void err_abort(void)
{
    abort();
}
