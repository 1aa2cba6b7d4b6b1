/* protocol_fuzz.c: any bytes as the beginning of a connection, coming in pieces: whatever a port offers, it asks for more only while there may
 * be more, and what it has decided it does not take back when more comes. Inside TLS, the preface is told as it is outside. */
#include "api/protocol.h"
#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct protocol_verdict *a, const struct protocol_verdict *b)
{
    return a->action == b->action &&
           (a->action != PROTOCOL_SERVE || a->transport == b->transport) &&
           (a->action != PROTOCOL_REFUSE || bytes_equal(a->answer, b->answer));
}

/* Steps that grow: every length at first, where headers are. */
static size_t next_length(size_t len)
{
    return len < 64 ? len + 1 : len + len / 3;
}

static void decide(const struct protocol_offer *offer, struct bytes all)
{
    struct protocol_verdict before = {.action = PROTOCOL_WAIT};
    for (size_t len = 1; len <= all.len; len = next_length(len)) {
        uint8_t *exact = mem_must(len); /* so that a byte read behind the end is seen */
        memcpy(exact, all.at, len);
        struct protocol_verdict now = protocol_decide(offer, bytes_of(exact, len));
        must(now.action != PROTOCOL_WAIT || len < PROTOCOL_PEEK_MAX);
        must(before.action == PROTOCOL_WAIT || same(&before, &now));
        before = now;
        mem_free(exact);
    }
}

static void hear(struct bytes all)
{
    static const struct protocol_offer plain = {.plain = true};
    enum protocol_preface told = PREFACE_BEGUN;
    for (size_t len = 1; len <= all.len && told == PREFACE_BEGUN; len++)
        told = protocol_preface(bytes_of(all.at, len));
    if (all.len == 0 || all.at[0] == 0x16)
        return; /* outside, that is TLS */
    struct protocol_verdict outside = protocol_decide(&plain, all);
    must((told == PREFACE_BEGUN) == (outside.action == PROTOCOL_WAIT));
    must(told == PREFACE_BEGUN ||
         (told == PREFACE_WHOLE) == (outside.transport == TRANSPORT_HTTP2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct protocol_offer offers[] = {{true, true}, {true, false}, {false, true}};
    struct bytes all = bytes_of(data, size < PROTOCOL_PEEK_MAX ? size : PROTOCOL_PEEK_MAX);
    for (size_t i = 0; i < sizeof(offers) / sizeof(*offers); i++)
        decide(&offers[i], all);
    hear(all);
    return 0;
}
