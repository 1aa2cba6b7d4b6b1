/* s3_answer.h: the little that is read of S3's XML: a code and a sentence, an upload's id, a list of uploads. Not an XML parser: it finds elements by
 * name, in order, which S3's flat answers allow. Any bytes are read without harm. Pure. */
#ifndef SLUICE_DELIVERY_S3_ANSWER_H
#define SLUICE_DELIVERY_S3_ANSWER_H

#include "base/arena.h"
#include "base/bytes.h"

/* What stands between <name ...> and </name>, the first time; absent when there is none. `rest` moves behind it. */
struct bytes s3_element(struct bytes *rest, const char *name);
/* Its text with the five entities and &#n; taken back, NUL-terminated; absent when there is none or no memory. */
struct bytes s3_text(struct bytes inside, const char *name, struct arena *a);

#endif
