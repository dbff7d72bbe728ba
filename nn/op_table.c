// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include <stddef.h>

#define OP_DECLARE(name) extern const op_kind_t op_kind_##name;
OP_LIST(OP_DECLARE)

#define OP_ROW(name) &op_kind_##name,
const op_kind_t *const op_table[] = {OP_LIST(OP_ROW) NULL};
