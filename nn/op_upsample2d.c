// SPDX-License-Identifier: Apache-2.0
#include "nn/op.h"

#include "cluster/err.h"

/* in: a; attr.i: height, width of a. */
static image_t image_of(const tensor_t *t)
{
    return (image_t){t->attr.i[0], t->attr.i[1]};
}

static void check_upsample2d(graph_t *g, tensor_t *t)
{
    (void)g;
    const tensor_t *a = t->in[0];
    image_t image = image_of(t);
    CHECK(image.height > 0 && image.width > 0 && a->per == image_pixels(image),
          "upsample2d: %ld rows for %ld x %ld", (long)a->per, (long)image.height,
          (long)image.width);
    tensor_shape(t, a->rows_class, image_pixels(image_double(image)), a->cols);
}

static void forward_upsample2d(tensor_t *t)
{
    image_spread(t->rows / t->per, image_double(image_of(t)), t->cols, 1, t->in[0]->value, false,
                 t->value);
}

static void backward_upsample2d(tensor_t *t)
{
    bool add;
    float *out = grad_put(t->in[0], &add);
    if (out != NULL)
        image_gather(t->rows / t->per, image_double(image_of(t)), t->cols, 1, t->grad, add, out);
}

static tensor_t *example_upsample2d(gradcheck_t *c, int variant)
{
    static const image_t of[] = {{2, 3}, {3, 1}, {1, 1}};
    static const int classes[] = {ROWS_SETS, ROWS_ELEMENTS, ROWS_DRAWS};
    if (variant > 2)
        return NULL;
    tensor_t *a = gradcheck_input(c, classes[variant], image_pixels(of[variant]),
                                  gradcheck_shape(c, 1, 3), -1, 1);
    return op_upsample2d(gradcheck_graph(c), a, of[variant]);
}

static tensor_t *tangent_upsample2d(graph_t *g, tensor_t *t, tensor_t *const *in)
{
    return op_upsample2d(g, in[0], image_of(t));
}

const op_kind_t op_kind_upsample2d = {.name = "upsample2d",
                                      .skips = BACKWARD_SKIPS_INPUTS | BACKWARD_SKIPS_RESULT,
                                      .check = check_upsample2d,
                                      .forward = forward_upsample2d,
                                      .backward = backward_upsample2d,
                                      .example = example_upsample2d,
                                      .tangent = tangent_upsample2d};

tensor_t *op_upsample2d(graph_t *g, tensor_t *a, image_t image)
{
    op_attr_t attr = {.i = {image.height, image.width}};
    return graph_record(g, &op_kind_upsample2d, 1, &a, &attr);
}
