// SPDX-License-Identifier: Apache-2.0
#include "cluster/provenance.h"

#include <gnu/libc-version.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

provenance_t provenance_now(void)
{
    provenance_t p = {.host = ""};
    struct passwd entry, *found = NULL;
    char buffer[4096];
    struct tm utc;
    time_t now = time(NULL);
    strftime(p.created, sizeof p.created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        snprintf(p.user, sizeof p.user, "%s", entry.pw_name);
    else
        snprintf(p.user, sizeof p.user, "%ld", (long)getuid());
    gethostname(p.host, sizeof p.host - 1);
    return p;
}

provenance_machine_t provenance_machine(void)
{
    provenance_machine_t here = {.cpu = ""};
    struct utsname machine = {0};
    uname(&machine);
    const char *extensions = "";
#if defined(__x86_64__)
    extensions = __builtin_cpu_supports("fma") ? " avx2 fma" : "";
#endif
    snprintf(here.cpu, sizeof here.cpu, "%.40s%s", machine.machine, extensions);
    snprintf(here.libm, sizeof here.libm, "glibc %s", gnu_get_libc_version());
    return here;
}
