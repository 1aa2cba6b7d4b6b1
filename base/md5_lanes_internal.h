/* md5_lanes_internal.h: the ways to many MD5 digests, so that a test can hold each against digest_md5. */
#ifndef SLUICE_BASE_MD5_LANES_INTERNAL_H
#define SLUICE_BASE_MD5_LANES_INTERNAL_H

#include "base/digest.h"

enum md5_way { MD5_AVX2, MD5_AVX512, MD5_WAYS };

/* digest_md5_each in this way; false: this processor has not got it, and nothing was done. */
bool md5_each_by(enum md5_way way, const struct bytes *data, uint8_t *const *outs, size_t count);

#endif
