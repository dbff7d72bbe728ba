#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The legacy program: reads decay.in of the folder it is started in, writes decay.out there, and leaves its work files behind.
# Counts of a decaying source in n intervals. decay.in holds: activity half_life background n seed
set -e
echo "work" >decay.tmp
awk '{ srand($5); for (i = 0; i < $4; i++) {
         mean = $1 * exp(-i * log(2) / $2) + $3
         limit = exp(-mean); k = 0; p = rand()
         while (p > limit) { k++; p *= rand() }
         printf "%g %d\n", i, k } }' decay.in >decay.out
