// SPDX-License-Identifier: Apache-2.0
#include "tests/nn/jacobian.h"

#include <math.h>

// By elimination with row pivots.
static double log_det(int n, double m[JACOBIAN_MOST][JACOBIAN_MOST])
{
    double sum = 0.0;
    for (int c = 0; c < n; c++) {
        int pivot = c;
        for (int r = c; r < n; r++)
            pivot = fabs(m[r][c]) > fabs(m[pivot][c]) ? r : pivot;
        for (int k = 0; k < n; k++) {
            double held = m[c][k];
            m[c][k] = m[pivot][k];
            m[pivot][k] = held;
        }
        sum += log(fabs(m[c][c]));
        for (int r = c + 1; r < n; r++) {
            double share = m[r][c] / m[c][c];
            for (int k = c; k < n; k++)
                m[r][k] -= share * m[c][k];
        }
    }
    return sum;
}

double jacobian_log_det(int n, jacobian_map_t map, void *user, const double *from, double step)
{
    double m[JACOBIAN_MOST][JACOBIAN_MOST], at[JACOBIAN_MOST], low[JACOBIAN_MOST],
        high[JACOBIAN_MOST];
    for (int j = 0; j < n; j++) {
        for (int k = 0; k < n; k++)
            at[k] = from[k];
        at[j] = from[j] - step;
        map(user, at, low);
        at[j] = from[j] + step;
        map(user, at, high);
        for (int i = 0; i < n; i++)
            m[i][j] = (high[i] - low[i]) / (2.0 * step);
    }
    return log_det(n, m);
}
