/* health.h: our own pages: GET /health (readiness, JSON) and GET /metrics (Prometheus text). No
 * credentials: they tell counts, not data. */
#ifndef SLUICE_API_HEALTH_H
#define SLUICE_API_HEALTH_H

#include "api/service.h"

/* Answers and returns true if the request is for one of them. */
bool health_answer(struct service *s, struct exchange *x);

#endif
