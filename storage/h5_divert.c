// SPDX-License-Identifier: Apache-2.0
#include "storage/h5.h"

#include "storage/h5_inside.h"

#include <sys/mman.h>
#include <unistd.h>

/* HDF5 writes what it still holds when a file is closed. Where that fails (no space left), the file stays half open, and
 * HDF5's end at MPI_Finalize crashes on it. So its descriptor is put onto memory, which takes everything. */
void h5_divert(h5_id_t file)
{
    void *handle = NULL;
    if (file < 0)
        return;
    h5_lock();
    int memory = memfd_create("diverted", MFD_CLOEXEC);
    if (memory >= 0 && H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle != NULL)
        (void)dup2(memory, *(int *)handle);
    if (memory >= 0)
        close(memory);
    h5_unlock();
}
