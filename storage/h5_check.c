// SPDX-License-Identifier: Apache-2.0
#include "storage/h5_check.h"

#include <hdf5.h>

void h5_check(findings_t *out)
{
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    bool same = major == H5_VERS_MAJOR && minor == H5_VERS_MINOR && release == H5_VERS_RELEASE;
#ifdef H5_HAVE_PARALLEL
    bool parallel = true;
#else
    bool parallel = false;
#endif
    findings_add(out, !same || !parallel ? FINDING_FAILED : FINDING_OK, "HDF5",
                 "%u.%u.%u, %s build%s", major, minor, release, parallel ? "parallel" : "serial",
                 same ? "" : ", compiled for another version");
    findings_advise(out, "build against parallel HDF5 (Debian: libhdf5-openmpi-dev), and load the "
                         "same one when running (LD_LIBRARY_PATH, module)");
}
