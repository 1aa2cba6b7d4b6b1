/* delivery_given.c: see delivery_given.h. */
#include "support/delivery_given.h"

#include "base/mem.h"

#include <stdio.h>

static bool shows(struct loopback *l, const char *words, bool loud)
{
    char *text = call_text(l, FIREHOSE("DescribeDeliveryStream"), GIVEN_NAME, NULL);
    bool found = strstr(text, words) != NULL;
    if (!found && loud)
        fprintf(stderr, "no %s in %s\n", words, text);
    mem_free(text);
    return found;
}

bool delivery_shows(struct loopback *l, const char *words)
{
    return shows(l, words, true);
}

void delivery_wait(struct loopback *l, const char *words)
{
    while (!shows(l, words, false))
        clock_manual_advance_ms(&l->clock, 1); /* timers of delivery-control go by it */
}
