/* tag_check.h: which characters a tag may have, in AWS's two sentences. Thread: any. */
#ifndef SLUICE_API_TAG_CHECK_H
#define SLUICE_API_TAG_CHECK_H

#include "shards/stream_view.h"

/* Of tags without a value (to be removed) only the key is looked at, and the words are those of removing. INVALID_ARGUMENT. */
enum status tags_check(const struct scope *scope, struct bytes stream,
                       const struct stream_tag *tags, uint32_t count, struct fault *f) MUST_USE;

#endif
