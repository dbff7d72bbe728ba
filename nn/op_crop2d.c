// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"
#include "nn/vec.h"

#include <string.h>

/* in: a; attr.i: height, width of a, then of the result. */
static image_t image_of(const tensor_t *t)
{
    return (image_t){t->attr.i[0], t->attr.i[1]};
}

static image_t cropped(const tensor_t *t)
{
    return (image_t){t->attr.i[2], t->attr.i[3]};
}

static void check_crop2d(graph_t *g, tensor_t *t)
{
    (void)g;
    const tensor_t *a = t->in[0];
    image_t from = image_of(t), to = cropped(t);
    CHECK(a->per == image_pixels(from), "crop2d: %ld rows for %ld x %ld", (long)a->per,
          (long)from.height, (long)from.width);
    CHECK(to.height > 0 && to.width > 0 && to.height <= from.height && to.width <= from.width,
          "crop2d: %ld x %ld of %ld x %ld", (long)to.height, (long)to.width, (long)from.height,
          (long)from.width);
    tensor_shape(t, a->rows_class, image_pixels(to), a->cols);
}

/* First floats of row r of all units' rows: in the result, and in a. */
static int64_t at_result(const tensor_t *t, int64_t r)
{
    return r * cropped(t).width * t->cols;
}

static int64_t at_input(const tensor_t *t, int64_t r)
{
    image_t from = image_of(t), to = cropped(t);
    return (r / to.height * from.height + r % to.height) * from.width * t->cols;
}

static void forward_crop2d(tensor_t *t)
{
    int64_t floats = cropped(t).width * t->cols, rows = t->rows / cropped(t).width;
    for (int64_t r = 0; r < rows; r++)
        memcpy(t->value + at_result(t, r), t->in[0]->value + at_input(t, r),
               (size_t)floats * sizeof(float));
}

static void backward_crop2d(tensor_t *t)
{
    int64_t floats = cropped(t).width * t->cols, rows = t->rows / cropped(t).width;
    float *out = grad_add(t->in[0]);
    for (int64_t r = 0; r < rows && out != NULL; r++)
        vec_scale_put(floats, 1, t->grad + at_result(t, r), true, out + at_input(t, r));
}

static tensor_t *example_crop2d(gradcheck_t *c, int variant)
{
    static const image_t from[] = {{4, 6}, {3, 3}, {2, 2}}, to[] = {{3, 5}, {3, 2}, {1, 2}};
    static const int classes[] = {ROWS_SETS, ROWS_ELEMENTS, ROWS_DRAWS};
    if (variant > 2)
        return NULL;
    tensor_t *a = gradcheck_input(c, classes[variant], image_pixels(from[variant]),
                                  gradcheck_shape(c, 1, 3), -1, 1);
    return op_crop2d(gradcheck_graph(c), a, from[variant], to[variant]);
}

static tensor_t *tangent_crop2d(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_crop2d(g, in[0], image_of(t), cropped(t));
}

const op_kind_t op_kind_crop2d = {.name = "crop2d",
                                  .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                  .check = check_crop2d,
                                  .forward = forward_crop2d,
                                  .backward = backward_crop2d,
                                  .example = example_crop2d,
                                  .tangent = tangent_crop2d};

tensor_t *op_crop2d(graph_t *g, tensor_t *a, image_t image, image_t to)
{
    op_attr_t attr = {.i = {image.height, image.width, to.height, to.width}};
    if (to.height == image.height && to.width == image.width)
        return a;
    return graph_record(g, &op_kind_crop2d, 1, &a, &attr);
}
