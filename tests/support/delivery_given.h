/* delivery_given.h: what tests of delivery streams begin with. */
#ifndef SLUICE_TESTS_SUPPORT_DELIVERY_GIVEN_H
#define SLUICE_TESTS_SUPPORT_DELIVERY_GIVEN_H

#include "support/answers.h"

/* Whether "d" is described with these words; prints what it is when not. */
bool delivery_shows(struct loopback *l, const char *words);
/* Lets time pass until it is. */
void delivery_wait(struct loopback *l, const char *words);

#define FIREHOSE(operation) "Firehose_20150804." operation
#define GIVEN_S3            "\"RoleARN\":\"arn:aws:iam::000000000000:role/r\",\"BucketARN\":\"arn:aws:s3:::b\""
/* CreateDeliveryStream of "d" with that extended destination's members. */
#define GIVEN_CREATE(members)                                                                      \
    "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" GIVEN_S3 members "}}"
#define GIVEN_NAME "{\"DeliveryStreamName\":\"d\"}"
#define NO_D       "Firehose d under account 000000000000 not found."

#endif
