// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/loss_plot.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>

range_t loss_range(int64_t n, int curves, const loss_curve_t *curve)
{
    int64_t skip = n >= 20 ? (n + 19) / 20 : 0;
    range_t all = range_of(n - skip, curve[0].loss + skip);
    for (int c = 1; c < curves; c++)
        all = range_join(all, range_of(n - skip, curve[c].loss + skip));
    return range_pad(all, 0.06);
}

static void draw_curve(const axes_t *a, int64_t n, const loss_curve_t *curve)
{
    double *x = MEM_NEW(double, n), *y = MEM_NEW(double, n);
    size_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(curve->loss[i]))
            continue;
        x[k] = axes_x(a, (double)i + 1);
        y[k++] = axes_y(a, curve->loss[i]);
    }
    canvas_clip(a->canvas, a->area);
    canvas_path(a->canvas, k, x, y, curve->pen);
    for (size_t i = 0; i < k && n <= 30; i++)
        canvas_disc(a->canvas, x[i], y[i], 2.4, curve->pen);
    canvas_unclip(a->canvas);
    free(x);
    free(y);
}

static void draw_key(const axes_t *a, int row, const loss_curve_t *curve)
{
    double right = a->area.x + a->area.width - 8, y = a->area.y + 14 + 15 * row;
    type_t type = {9.5, 0, INK_TEXT, ALIGN_RIGHT};
    double left = right - canvas_text_width(a->canvas, type, curve->words);
    canvas_box(a->canvas, (box_t){left - 30, y - 10, right - left + 34, 14},
               (pen_t){INK_WHITE, 0.85, 0});
    canvas_text(a->canvas, right, y, type, curve->words);
    canvas_line(a->canvas, left - 26, y - 3.5, left - 6, y - 3.5, curve->pen);
}

void loss_draw(const axes_t *a, int64_t n, int curves, const loss_curve_t *curve, int64_t best,
               int marked)
{
    double x = axes_x(a, (double)best + 1);
    if (best >= 0)
        canvas_dashed(a->canvas, x, a->area.y, x, a->area.y + a->area.height,
                      (pen_t){INK_GREY, 1, 1});
    for (int c = 0; c < curves; c++)
        draw_curve(a, n, &curve[c]);
    if (best >= 0) {
        double y = axes_y(a, curve[marked].loss[best]);
        canvas_disc(a->canvas, x, y, 4.6, (pen_t){INK_WHITE, 1, 0});
        canvas_disc(a->canvas, x, y, 3.4, curve[marked].pen);
    }
    for (int c = 0; c < curves; c++)
        draw_key(a, c, &curve[c]);
}
