/* as_helper.c: a test program that serves as query helper too, as the server's own does (server/main.c): for tests of delivery with queries.
 * They ask for it by /- link: -Wl,-u,support_as_helper -/ . */
#include "delivery/query_helper.h"

#include <unistd.h>

extern int support_as_helper;
int support_as_helper;

__attribute__((constructor)) static void become_helper(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], QUERY_HELPER_WORD) == 0)
        _exit(query_helper_main());
}
