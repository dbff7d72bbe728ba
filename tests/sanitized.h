/* SPDX-License-Identifier: Apache-2.0
 *
 * Under the address sanitizer a program is about ten times slower. Tests of one thing over and over (statistics, trainings), whose
 * code smaller tests run too, find nothing more there and are skipped.
 */
#ifndef TESTS_SANITIZED_H
#define TESTS_SANITIZED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* First in a test: ends it as skipped. */
static inline void skip_when_sanitized(void)
{
    if (SANITIZED)
        skip();
}

#endif
