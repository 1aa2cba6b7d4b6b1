/* key_file.h: a master key file for tests. Thread: the test's. */
#ifndef SLUICE_TESTS_SUPPORT_KEY_FILE_H
#define SLUICE_TESTS_SUPPORT_KEY_FILE_H

#include "shards/master_keys.h"

#define KEY_A  "aaaaaaaa-0000-4000-8000-000000000001"
#define KEY_B  "bbbbbbbb-0000-4000-8000-000000000002"
#define BITS_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define BITS_2 "2222222222222222222222222222222222222222222222222222222222222222"

struct key_file {
    char path[64];
    struct master_keys *keys;
};
/* A file with this text, read. */
void key_file_open(struct key_file *k, const char *text);
/* Another text, read again. */
void key_file_set(struct key_file *k, const char *text);
void key_file_close(struct key_file *k);

#endif
