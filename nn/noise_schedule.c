// SPDX-License-Identifier: Apache-2.0
#include "nn/noise_schedule.h"

#include <math.h>

static const double COSINE_MOST = 12.0;                               // |lambda|
static const double LEAST_SIGMA = 1e-4, MOST_SIGMA = 80.0, RHO = 7.0; // of edm
static const double MEAN_LOG_SIGMA = -1.2, SD_LOG_SIGMA = 1.2;

// Of lambda in sampling.
static void range_of(noise_schedule_t schedule, double *low, double *high)
{
    bool cosine = schedule == SCHEDULE_COSINE;
    *low = cosine ? -COSINE_MOST : -2.0 * log(MOST_SIGMA);
    *high = cosine ? COSINE_MOST : -2.0 * log(LEAST_SIGMA);
}

static noise_at_t cosine_of(double log_snr)
{
    return (noise_at_t){.log_snr = log_snr,
                        .alpha = sqrt(1.0 / (1.0 + exp(-log_snr))),
                        .sigma = sqrt(1.0 / (1.0 + exp(log_snr)))};
}

static noise_at_t edm_of(double log_snr)
{
    return (noise_at_t){.log_snr = log_snr, .alpha = 1.0, .sigma = exp(-0.5 * log_snr)};
}

// tan(pi t' / 2) = exp(-lambda / 2), so t' = 2 / pi atan(exp(-lambda / 2))
static noise_at_t cosine_at(double t)
{
    double low = 2.0 / M_PI * atan(exp(-0.5 * COSINE_MOST));
    double width = 1.0 - 2.0 * low, angle = 0.5 * M_PI * (low + width * t);
    noise_at_t n = cosine_of(-2.0 * log(tan(angle)));
    double slope = -2.0 * M_PI * width / sin(2.0 * angle); // of lambda in t
    n.noise2 = -slope * n.sigma * n.sigma;
    n.drift = -0.5 * n.noise2;
    return n;
}

// g^2 is the slope of sigma^2
static noise_at_t edm_at(double t)
{
    double low = pow(LEAST_SIGMA, 1.0 / RHO), high = pow(MOST_SIGMA, 1.0 / RHO);
    double root = high + (1.0 - t) * (low - high);
    noise_at_t n = edm_of(-2.0 * RHO * log(root));
    n.noise2 = 2.0 * RHO * pow(root, 2.0 * RHO - 1.0) * (high - low);
    return n;
}

noise_at_t noise_at(noise_schedule_t schedule, double t)
{
    return schedule == SCHEDULE_COSINE ? cosine_at(t) : edm_at(t);
}

static double low_normal_quantile(double p)
{
    double s = sqrt(-2.0 * log(p));
    double x = -(s - (2.515517 + s * (0.802853 + s * 0.010328)) /
                         (1.0 + s * (1.432788 + s * (0.189269 + s * 0.001308))));
    double miss = 0.5 * erfc(-x * M_SQRT1_2) - p;
    double newton = miss * sqrt(2.0 * M_PI) * exp(0.5 * x * x);
    return x - newton / (1.0 + 0.5 * x * newton);
}

// Abramowitz and Stegun 26.2.23, then one step of Halley's method: an error of about 1e-10.
static double normal_quantile(double p)
{
    return p < 0.5 ? low_normal_quantile(fmax(p, 1e-15))
                   : -low_normal_quantile(fmax(1.0 - p, 1e-15));
}

noise_at_t noise_in_training(noise_schedule_t schedule, double u)
{
    double low, high;
    if (schedule == SCHEDULE_COSINE) {
        noise_at_t n = cosine_at(u);
        n.drift = n.noise2 = 0.0;
        return n;
    }
    range_of(schedule, &low, &high);
    double log_snr = -2.0 * (MEAN_LOG_SIGMA + SD_LOG_SIGMA * normal_quantile(u));
    return edm_of(fmin(fmax(log_snr, low - 1.0), high + 1.0));
}

double noise_network_time(noise_schedule_t schedule, double log_snr)
{
    double low, high;
    range_of(schedule, &low, &high);
    return 2.0 * (log_snr - low) / (high - low) - 1.0;
}

double noise_at_end(noise_schedule_t schedule)
{
    return schedule == SCHEDULE_COSINE ? 1.0 : MOST_SIGMA;
}
