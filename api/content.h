/* content.h: what a request says its body is. Thread: the exchange's loop. */
#ifndef SLUICE_API_CONTENT_H
#define SLUICE_API_CONTENT_H

#include "api/exchange.h"

enum content { CONTENT_NONE, CONTENT_JSON11, CONTENT_CBOR11, CONTENT_JSON, CONTENT_OTHER };

/* By its Content-Type, cut at the first ';', as AWS compares it. */
enum content content_of(const struct exchange *x);
/* How to answer it: as it was written, where that is known. */
enum exchange_codec content_codec(enum content content);

#endif
