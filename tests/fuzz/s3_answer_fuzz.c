/* s3_answer_fuzz.c: any bytes as S3's XML, and as a credentials file and a stored plan, which are read by the same hands. */
#include "delivery/plan.h"
#include "delivery/s3_answer.h"
#include "wire/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct bytes rest = bytes_of(data, size), upload;
    arena_init(&a, 1 << 22);
    while (bytes_present(upload = s3_element(&rest, "Upload"))) {
        (void)s3_text(upload, "Key", &a);
        (void)s3_text(upload, "UploadId", &a);
    }
    (void)s3_text(bytes_of(data, size), "Message", &a);
    arena_fini(&a);
    struct credentials c;
    struct fault f;
    (void)!credentials_parse(PROFILE_CREDENTIALS, bytes_of(data, size), BYTES_LITERAL("default"),
                             &c, &f);
    (void)!credentials_parse(PROFILE_CONFIG, bytes_of(data, size), BYTES_LITERAL("default"), &c,
                             &f);
    struct plan_facts facts;
    if (plan_read(bytes_of(data, size), &facts, &f) == OK)
        arena_fini(&facts.arena);
    struct place_row place;
    (void)!place_read(bytes_of(data, size), &place, &f);
    return 0;
}
