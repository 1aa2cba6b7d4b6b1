/* cipher_bench.c: what encryption adds to a put and to a read.
 *
 * A put seals one batch a shard and unwraps the stream's data key once; a read opens each batch and
 * unwraps once a page. Limit measured in the same run: AES-256-GCM by OpenSSL over the same bytes, its
 * context and key kept. Figures are medians of many short runs. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/batch_cipher.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 51 };

struct work {
    struct master_keys *keys;
    struct stream_view *view;
    struct batch_opener opener;
    struct arena arena;
    EVP_CIPHER_CTX *bare;
    uint8_t key[AEAD_KEY_BYTES];
    uint8_t *batch; /* a header, and a body sealed */
    size_t packed_len;
    struct batch_header header;
};

static const struct log_place place = {1, 0};

static void run_seal(struct work *w)
{
    batch_seal(w->key, place, 1, 1, w->batch + BATCH_HEADER_BYTES, w->packed_len);
}

static void run_open(struct work *w)
{
    struct bytes body;
    struct fault f;
    arena_reset(&w->arena);
    must(batch_open(&w->opener, 0, bytes_of(w->batch, BATCH_HEADER_BYTES + w->header.body_len),
                    &w->header, &w->arena, &body, &f) == OK);
}

static void run_unwrap(struct work *w)
{
    uint8_t key[AEAD_KEY_BYTES];
    struct fault f;
    must(stream_settings_data_key(&w->view->settings, w->keys, 1, key, &f) == OK);
}

static void run_bare(struct work *w)
{
    static const uint8_t nonce[12];
    uint8_t *body = w->batch + BATCH_HEADER_BYTES + BATCH_CIPHER_HEAD;
    int len;
    must(EVP_EncryptInit_ex2(w->bare, NULL, NULL, nonce, NULL) == 1);
    must(EVP_EncryptUpdate(w->bare, body, &len, body, (int)w->packed_len) == 1);
    must(EVP_EncryptFinal_ex(w->bare, body, &len) == 1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, struct work *w, void (*run)(struct work *), size_t bytes)
{
    double us[ROUNDS];
    unsigned times = (unsigned)(4000000 / (bytes + 2000));
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin = clock_mono_us(&clock_system);
        for (unsigned i = 0; i < times; i++)
            run(w);
        us[round] = (double)(clock_mono_us(&clock_system) - begin) / times;
    }
    qsort(us, ROUNDS, sizeof(us[0]), compare);
    printf("  %-34s %9.3f us", what, us[ROUNDS / 2]);
    if (bytes)
        printf("  %8.0f MB/s", (double)bytes / us[ROUNDS / 2]);
    putchar('\n');
}

static void work_open(struct work *w, const char *path)
{
    struct fault f;
    struct stream_settings settings = {.number = place.stream,
                                       .scope = {"000000000000", "us-east-1"}};
    must(master_keys_open(path, true, &w->keys, &f) == OK);
    struct encryption_owner owner = stream_settings_owner(&settings);
    must(stream_encryption_start(NULL, w->keys, &owner, BYTES_LITERAL("alias/aws/kinesis"), 1,
                                 &settings.encryption, &f) == OK);
    w->view = stream_view_new(&settings, NULL, 0, 1);
    stream_encryption_unref(settings.encryption);
    must(stream_settings_data_key(&w->view->settings, w->keys, 1, w->key, &f) == OK);
    batch_opener_init(&w->opener, w->view, NULL, w->keys);
    arena_init(&w->arena, 16 << 20);
    w->bare = EVP_CIPHER_CTX_new();
    must(w->bare && EVP_EncryptInit_ex2(w->bare, EVP_aes_256_gcm(), w->key, NULL, NULL) == 1);
}

static void work_close(struct work *w)
{
    EVP_CIPHER_CTX_free(w->bare);
    arena_fini(&w->arena);
    batch_opener_fini(&w->opener);
    stream_view_unref(w->view);
    master_keys_close(w->keys);
}

static void measure_size(struct work *w, const char *what, size_t data_len)
{
    w->packed_len = data_len;
    w->batch = mem_must(BATCH_HEADER_BYTES + data_len + BATCH_CIPHER_EXTRA);
    w->header = (struct batch_header){.flags = BATCH_ENCRYPTED,
                                      .count = 1,
                                      .key_epoch = 1,
                                      .body_len = (uint32_t)(data_len + BATCH_CIPHER_EXTRA)};
    printf("%s\n", what);
    run_seal(w);
    measure("opened", w, run_open, data_len);
    measure("sealed", w, run_seal, data_len);
    measure("limit: bare AES-256-GCM", w, run_bare, data_len);
    mem_free(w->batch);
}

int main(void)
{
    char folder[] = "/tmp/sluice-bench-XXXXXX", path[64];
    struct work w = {0};
    must(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/keys", folder);
    work_open(&w, path);
    measure_size(&w, "a batch of 1 KiB", 1024);
    measure_size(&w, "a batch of 256 KiB", 256 * 1024);
    printf("once a request\n");
    measure("a data key unwrapped", &w, run_unwrap, 0);
    work_close(&w);
    unlink(path);
    rmdir(folder);
    return 0;
}
