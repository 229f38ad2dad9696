/* Linked into the 32-bit interpreter (.ci/micropython-32): files in its memory as images lie in a board's flash.

   CONSIGNE_FLASH says which, and where: "30000000=/tmp/a.romfs:38000000=/tmp/b.romfs".  The script gets the
   same addresses as its arguments and mounts them with vfs.VfsRom (sim/shim/launch.py).  A path has no colon. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((constructor)) static void map_flash(void) {
    const char *images = getenv("CONSIGNE_FLASH");
    unsigned long address;
    char path[4096];
    int length;
    if (images == NULL) {
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a board without its simulation is nothing */
    while (sscanf(images, "%lx=%4095[^:]%n", &address, path, &length) == 2) {
        int file = open(path, O_RDONLY);
        struct stat about;
        if (file < 0 || fstat(file, &about) != 0
            || mmap((void *)address, about.st_size, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0)
                == MAP_FAILED) {
            perror(path);
            exit(1);
        }
        close(file);
        images += length;
        images += *images == ':';
    }
}
