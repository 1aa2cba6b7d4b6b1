/* process_transform_test.c: records through transforms that answer well, badly, late and not at all. */
#include "unit/delivery/process_fixture.h"

#include "delivery/transform.h"
#include "support/far_side.h"
#include "wire/base64.h"
#include "wire/model/processing.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST(name)   cmocka_unit_test(name)
#define ARN          "arn:aws:lambda:eu-west-1:000000000000:function:f"
#define LAMBDA(more) CHAIN(PROCESSOR("Lambda", PARAMETER("LambdaArn", ARN) more))
#define ONE_RETRY    "," PARAMETER("NumberOfRetries", "1")
#define NO_RETRY     "," PARAMETER("NumberOfRetries", "0")

enum { RECORDS = 20 };

static struct far_side far;
static struct transforms *transforms;
static struct process_record records[RECORDS];
static char texts[RECORDS][32];
static struct chain chain;

/* ---- far sides ---- */

/* Sees the request as a far side does; answers with what `each` says of the n-th record. */
static void answer_each(struct far_request *r,
                        void (*each)(unsigned n, const char *id, const char *data, struct buf *out))
{
    struct buf out;
    buf_init(&out, MIB(8));
    buf_append_text(&out, "{\"records\":[");
    char *body = mem_must(r->body.len + 1), *at = body;
    memcpy(body, r->body.at, r->body.len);
    for (unsigned n = 0; (at = strstr(at, "\"recordId\":\"")) != NULL; n++) {
        char id[TRANSFORM_ID_BYTES];
        snprintf(id, sizeof(id), "%.30s", at + 12);
        char *data = strstr(at, "\"data\":\"") + 8;
        at = strchr(data, '"');
        *at++ = '\0';
        each(n, id, data, &out);
    }
    mem_free(body);
    if (out.at[out.len - 1] == ',')
        out.len--;
    buf_append(&out, bytes_of("]}", 3));
    far_answer(r, 200, "application/json", (const char *)out.at);
    buf_fini(&out);
}

/* Every third is dropped, every third fails, "T" for the others, with a key. */
static void by_thirds(unsigned n, const char *id, const char *data, struct buf *out)
{
    (void)data;
    static const char *const results[] = {"Dropped", "ProcessingFailed", "Ok"};
    buf_printf(out,
               "{\"recordId\":\"%s\",\"result\":\"%s\",\"data\":\"VA==\",\"metadata\":"
               "{\"partitionKeys\":{\"k\":\"v\",\"other\":\"x\"}}},",
               id, results[n % 3]);
}
static void as_it_is(unsigned n, const char *id, const char *data, struct buf *out)
{
    (void)n;
    buf_printf(out, "{\"recordId\":\"%s\",\"result\":\"Ok\",\"data\":\"%s\"},", id, data);
}
/* 0 twice, 1 not at all, 2 with nonsense, 3 without data, and one that nobody asked for. */
static void oddly(unsigned n, const char *id, const char *data, struct buf *out)
{
    if (n == 1)
        return;
    as_it_is(n, id, data, out);
    if (n == 0)
        as_it_is(n, id, data, out);
    if (n == 4)
        as_it_is(n, "999999999999999999990000000000", data, out);
    if (n == 2 || n == 3) {
        out->len -= strlen(data) + 3;
        buf_append_text(out, n == 2 ? "\",\"result\":\"Fine\"}," : "\",\"data\":null},");
    }
}

static enum far_next answer_thirds(struct far_request *r)
{
    answer_each(r, by_thirds);
    return FAR_KEEP;
}
static enum far_next answer_oddly(struct far_request *r)
{
    answer_each(r, oddly);
    return FAR_KEEP;
}
static enum far_next answer_at_the_second_time(struct far_request *r)
{
    if (r->number == 0)
        far_answer(r, 429, "text/plain", "slow down");
    else
        answer_each(r, as_it_is);
    return FAR_KEEP;
}
static enum far_next answer_with_nonsense(struct far_request *r)
{
    static const char *const bodies[] = {"", "[]", "{\"records\":7}", "{}",
                                         "{\"records\":[{\"recordId\":\"1\",\"data\":\"***\"}]}"};
    far_answer(r, 200, "application/json", bodies[r->number % 5]);
    return FAR_KEEP;
}
static enum far_next answer_an_error(struct far_request *r)
{
    far_printf(r,
               "HTTP/1.1 200 OK\r\nX-Amz-Function-Error: Unhandled\r\nContent-Length: 2\r\n\r\n{}");
    return FAR_KEEP;
}
static char seen_target[256], seen_authorization[512], seen_body[4096];
static pthread_mutex_t seen = PTHREAD_MUTEX_INITIALIZER; /* calls come side by side */
static enum far_next look(struct far_request *r)
{
    pthread_mutex_lock(&seen);
    snprintf(seen_target, sizeof(seen_target), "%.255s", r->target);
    (void)far_header(r, "Authorization", seen_authorization, sizeof(seen_authorization));
    snprintf(seen_body, sizeof(seen_body), "%.*s", BYTES_ARGS(r->body));
    pthread_mutex_unlock(&seen);
    answer_each(r, as_it_is);
    return FAR_KEEP;
}
static size_t largest_body;
static enum far_next measure(struct far_request *r)
{
    pthread_mutex_lock(&seen);
    largest_body = r->body.len > largest_body ? r->body.len : largest_body;
    pthread_mutex_unlock(&seen);
    /* not answer_each: strstr under ASan looks at all that is left, each time */
    struct bytes mark = BYTES_LITERAL("recordId\":\"");
    struct buf out;
    buf_init(&out, MIB(8));
    buf_append_text(&out, "{\"records\":[");
    for (size_t at = 0; at + mark.len < r->body.len; at++)
        if (r->body.at[at] == 'r' && memcmp(r->body.at + at, mark.at, mark.len) == 0)
            buf_printf(&out, "%s{\"recordId\":\"%.30s\",\"result\":\"Ok\",\"data\":\"eA==\"}",
                       out.len > 12 ? "," : "", (const char *)r->body.at + at + mark.len);
    buf_append(&out, bytes_of("]}", 3));
    far_answer(r, 200, "application/json", (const char *)out.at);
    buf_fini(&out);
    return FAR_KEEP;
}
static enum far_next answer_with_large_nonsense(struct far_request *r)
{
    size_t len = 2000000;
    char *text = mem_must(len + 1);
    memset(text, '[', len);
    far_answer(r, 200, "application/json", text);
    mem_free(text);
    return FAR_KEEP;
}
static enum far_next hang(struct far_request *r)
{
    (void)r;
    return FAR_HANG;
}

static unsigned calls_awaited;
static void stop_when_asked(struct loop_timer *t)
{
    if (far_requests(&far) < calls_awaited)
        loop_timer_set(batches_loop, t, 10);
    else
        loop_stop(batches_loop);
}

/* ---- set-up ---- */

static int set_up(void **state)
{
    (void)state;
    far_init(&far);
    for (unsigned i = 0; i < RECORDS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "record-%u", i);
        records[i] = (struct process_record){
            .offset = 100 + i, .time_ms = 1700000000000 + i, .data = bytes_text(texts[i])};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chain_close(&chain);
    transforms_close(transforms);
    transforms = NULL;
    far_close(&far);
    return 0;
}

static enum status open_file(const char *text, struct fault *f)
{
    char path[] = "/tmp/sluice-transforms-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    enum status st = transforms_open(path, "", &transforms, f);
    unlink(path);
    return st;
}

static void begin(const char *config)
{
    chain.settings.transforms = transforms;
    chain_open(&chain, config, false);
}

static void begin_http(enum far_next (*handle)(struct far_request *), const char *config)
{
    char text[512];
    struct fault f;
    far.handle = handle;
    far_open(&far);
    snprintf(text, sizeof(text), "{\"f\":{\"url\":\"%s\"}}", far_url(&far, "/f"));
    assert_int_equal(open_file(text, &f), OK);
    begin(config);
}

/* A program of Python's; quotes in it are single ones. */
static void begin_command(const char *program, const char *more, const char *config)
{
    char text[2048];
    struct fault f = {0};
    snprintf(text, sizeof(text), "{\"f\":{\"command\":[\"python3\",\"-c\",\"%s\"]%s}}", program,
             more);
    if (open_file(text, &f) != OK)
        fail_msg("%s", f.text);
    begin(config);
}
#define EACH_LINE                                                                                  \
    "import sys,json,base64,os,time\\nfor n,line in enumerate(sys.stdin):\\n "                     \
    "r=json.loads(line)\\n "                                                                       \
    "d=base64.b64decode(r['data']).decode()\\n "
#define SAY                                                                                        \
    "print(json.dumps({'recordId':r['recordId'],'result':'Ok','data':r['data']}),flush=True)\\n"

static void run_all(struct process_batch *b)
{
    batch_begin(&chain, b, records, RECORDS);
    batches_wait(&chain);
    assert_int_equal(b->status, OK);
}

static void assert_as_they_were(const struct process_batch *b)
{
    assert_int_equal(b->result_count, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) {
        assert_int_equal(b->results[i].channel, OUTPUT_MAIN);
        assert_text(b->results[i].data, texts[i]);
    }
}

static void assert_all_failed(const struct process_batch *b, const char *code, unsigned attempts)
{
    char text[64];
    snprintf(text, sizeof(text), "{\"attemptsMade\":%u,", attempts);
    assert_int_equal(b->result_count, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) {
        assert_int_equal(b->results[i].channel, OUTPUT_ERROR);
        if (!holds_text(b->results[i].data, code) || !holds_text(b->results[i].data, text) ||
            !holds_text(b->results[i].data, "\"lambdaArn\":\"" ARN "\""))
            fail_msg("%.*s", BYTES_ARGS(b->results[i].data));
    }
}

/* ---- by HTTP ---- */

static void records_are_changed_dropped_and_failed(void **state)
{
    (void)state;
    struct process_batch b;
    begin_http(answer_thirds, LAMBDA(""));
    run_all(&b);
    assert_int_equal(b.dropped, 7);
    assert_int_equal(b.result_count, 13);
    for (uint32_t i = 0; i < b.result_count; i++) {
        unsigned n = (unsigned)(b.results[i].offset - 100);
        assert_int_equal(b.results[i].channel, n % 3 == 1 ? OUTPUT_ERROR : OUTPUT_MAIN);
        if (n % 3 == 2)
            assert_text(b.results[i].data, "T");
        else
            assert_true(holds_text(b.results[i].data, "Lambda.ProcessingFailedStatus"));
    }
    batch_free(&b);
}

static void keys_for_the_prefix_may_come_from_a_transform(void **state)
{
    (void)state;
    struct process_batch b;
    begin_http(answer_thirds,
               "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" CHAIN_S3
               ",\"Prefix\":\"!{partitionKeyFromLambda:k}/\",\"DynamicPartitioningConfiguration\":{"
               "\"Enabled\":true},\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":"
               "[" PROCESSOR("Lambda", PARAMETER("LambdaArn", ARN)) "]}}}");
    run_all(&b);
    for (uint32_t i = 0; i < b.result_count; i++)
        if (b.results[i].channel == OUTPUT_MAIN)
            assert_true(bytes_equal(b.results[i].partition, BYTES_LITERAL("lambda:k\0v\0")));
    batch_free(&b);
}

static void each_record_is_to_be_answered_once(void **state)
{
    (void)state;
    static const char *const codes[] = {"Lambda.DuplicatedRecordId", "Lambda.MissingRecordId",
                                        "Lambda.JsonProcessingException",
                                        "Lambda.JsonProcessingException"};
    struct process_batch b;
    begin_http(answer_oddly, LAMBDA(""));
    run_all(&b);
    assert_int_equal(b.result_count, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) {
        assert_int_equal(b.results[i].channel, i < 4 ? OUTPUT_ERROR : OUTPUT_MAIN);
        if (i < 4 && !holds_text(b.results[i].data, codes[i]))
            fail_msg("%.*s", BYTES_ARGS(b.results[i].data));
    }
    batch_free(&b);
}

static void a_call_that_fails_is_made_again(void **state)
{
    (void)state;
    struct process_batch b;
    begin_http(answer_at_the_second_time, LAMBDA(ONE_RETRY));
    run_all(&b);
    assert_as_they_were(&b);
    assert_int_equal(far_requests(&far), 2);
    batch_free(&b);
}

static void after_the_last_retry_records_fail(void **state)
{
    (void)state;
    struct process_batch b;
    begin_http(answer_an_error, LAMBDA(ONE_RETRY));
    run_all(&b);
    assert_all_failed(&b, "Lambda.FunctionError", 2);
    batch_free(&b);
}

static void an_answer_that_is_none_fails_its_records(void **state)
{
    (void)state;
    begin_http(answer_with_nonsense, LAMBDA(NO_RETRY));
    for (int i = 0; i < 5; i++) {
        struct process_batch b;
        run_all(&b);
        assert_all_failed(&b, "Lambda.JsonProcessingException", 1);
        batch_free(&b);
    }
}

static void a_function_of_a_lambda_endpoint_is_invoked_signed(void **state)
{
    (void)state;
    struct fault f;
    struct process_batch b;
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    far.handle = look;
    far_open(&far);
    assert_int_equal(transforms_open("", far_url(&far, "/"), &transforms, &f), OK);
    begin(LAMBDA(""));
    run_all(&b);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    assert_as_they_were(&b);
    assert_string_equal(seen_target, "/2015-03-31/functions/f/invocations");
    assert_non_null(strstr(seen_authorization, "AWS4-HMAC-SHA256 Credential=AKID/"));
    assert_non_null(strstr(seen_authorization, "/eu-west-1/lambda/aws4_request"));
    assert_non_null(strstr(seen_body,
                           "\"deliveryStreamArn\":\"arn:aws:firehose:eu-west-1:"
                           "000000000000:deliverystream/d\",\"region\":\"eu-west-1\","
                           "\"records\":[{\"recordId\":\"000000000000000001000000000000\","
                           "\"approximateArrivalTimestamp\":1700000000000,\"data\":\""));
    batch_free(&b);
}

static void batches_are_cut_by_size_and_any_cut_gives_the_same(void **state)
{
    (void)state;
    static struct process_record large[RECORDS];
    struct process_batch b;
    size_t size = 100000;
    uint8_t *data = mem_must(size * RECORDS);
    random_bytes(data, size * RECORDS);
    for (unsigned i = 0; i < RECORDS; i++)
        large[i] =
            (struct process_record){.offset = i, .data = bytes_of(data + i * size, size - i)};
    begin_http(look, LAMBDA("," PARAMETER("BufferSizeInMBs", "0.3")));
    batch_begin(&chain, &b, large, RECORDS);
    batches_wait(&chain);
    assert_int_equal(far_requests(&far), 7); /* three each */
    assert_int_equal(b.result_count, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++)
        assert_true(bytes_equal(b.results[i].data, large[i].data));
    batch_free(&b);
    mem_free(data);
}

/* Calls of one batch each, none of which is answered: how many were made? */
static unsigned calls_at_once(const char *config, unsigned expected)
{
    enum { BATCHES = 12 };
    struct process_batch b[BATCHES];
    begin_http(hang, config);
    for (int i = 0; i < BATCHES; i++)
        batch_begin(&chain, &b[i], records, RECORDS);
    struct loop_timer look = {.fire = stop_when_asked};
    calls_awaited = expected;
    loop_timer_set(chain.loop, &look, 10);
    loop_run(chain.loop);
    loop_timer_set(chain.loop, &look, 100); /* and no more come */
    loop_run(chain.loop);
    unsigned seen_calls = far_requests(&far);
    process_free(chain.process);
    chain.process = NULL;
    batches_under_way = 0;
    for (int i = 0; i < BATCHES; i++)
        batch_free(&b[i]);
    chain_close(&chain);
    transforms_close(transforms);
    transforms = NULL;
    far_close(&far);
    far_init(&far);
    return seen_calls;
}

static void calls_at_once_are_as_many_as_aws_makes(void **state)
{
    (void)state;
    assert_int_equal(calls_at_once(LAMBDA(""), 5), 5);
    assert_int_equal(
        calls_at_once(
            "{\"DeliveryStreamName\":\"d\",\"SplunkDestinationConfiguration\":{"
            "\"HECEndpoint\":\"https://x\",\"HECEndpointType\":\"Raw\",\"HECToken\":\"t\","
            "\"S3Configuration\":{\"RoleARN\":\"r\",\"BucketARN\":\"arn:aws:s3:::b\"},"
            "\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[" PROCESSOR(
                "Lambda", PARAMETER("LambdaArn", ARN)) "]}}}",
            10),
        10);
}

enum { TINY = 30000 };

/* Their ids and metadata are 400 bytes each: more than a request may have, of no data at all. */
static void many_tiny_records_go_in_requests_that_lambda_takes(void **state)
{
    (void)state;
    struct process_record *tiny = mem_must(TINY * sizeof(*tiny));
    struct process_batch b;
    for (unsigned i = 0; i < TINY; i++)
        tiny[i] = (struct process_record){
            .offset = i,
            .data = BYTES_LITERAL("x"),
            .key =
                BYTES_LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08"),
            .sequence = BYTES_LITERAL("49590338271490256608559692538361571095921575989136588898"),
            .shard_id = BYTES_LITERAL("shardId-000000000000")};
    largest_body = 0;
    begin_http(measure, LAMBDA(NO_RETRY));
    batch_begin(&chain, &b, tiny, TINY);
    batches_wait(&chain);
    assert_int_equal(b.status, OK);
    assert_int_equal(b.result_count, TINY);
    for (unsigned i = 0; i < TINY; i++) {
        assert_int_equal(b.results[i].offset, i);
        assert_int_equal(b.results[i].channel, OUTPUT_MAIN);
    }
    assert_true(far_requests(&far) >= 2);
    assert_in_range(largest_body, 4000000, TRANSFORM_BODY_BYTES_MAX);
    batch_free(&b);
    mem_free(tiny);
}

static void an_attempt_that_fails_takes_no_memory_of_the_batch(void **state)
{
    (void)state;
    struct process_batch b;
    begin_http(answer_with_large_nonsense, LAMBDA(NO_RETRY));
    run_all(&b);
    assert_all_failed(&b, "Lambda.JsonProcessingException", 1);
    assert_in_range(b.arena.used, 0, 100000);
    batch_free(&b);
}

static void a_chain_that_ends_takes_its_calls_back(void **state)
{
    (void)state;
    struct process_batch b[8];
    begin_http(hang, LAMBDA(""));
    for (int i = 0; i < 8; i++)
        batch_begin(&chain, &b[i], records, RECORDS);
    process_free(chain.process);
    chain.process = NULL;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(b[i].status, CLOSING);
        batch_free(&b[i]);
    }
}

/* ---- by a command ---- */

static void a_command_answers_line_by_line(void **state)
{
    (void)state;
    struct process_batch b[3];
    begin_command(EACH_LINE SAY, "", LAMBDA(NO_RETRY));
    for (int i = 0; i < 3; i++)
        batch_begin(&chain, &b[i], records, RECORDS);
    batches_wait(&chain);
    for (int i = 0; i < 3; i++) {
        assert_as_they_were(&b[i]);
        batch_free(&b[i]);
    }
}

static void a_command_that_dies_is_begun_anew(void **state)
{
    (void)state;
    struct process_batch b;
    char mark[] = "/tmp/sluice-died-XXXXXX", program[1024];
    int fd = mkstemp(mark);
    close(fd); /* the first process removes it and dies */
    snprintf(program, sizeof(program),
             EACH_LINE
             "if n==5 and os.path.exists('%s'):\\n  os.remove('%s')\\n  os._exit(3)\\n " SAY,
             mark, mark);
    begin_command(program, "", LAMBDA(ONE_RETRY));
    run_all(&b);
    assert_as_they_were(&b);
    assert_int_not_equal(access(mark, F_OK), 0);
    batch_free(&b);
}

static void a_command_that_hangs_is_killed(void **state)
{
    (void)state;
    struct process_batch b;
    begin_command("import time\\nwhile True: time.sleep(100)", ",\"timeoutSeconds\":1",
                  LAMBDA(NO_RETRY)); /* it sleeps because that is what hanging is */
    run_all(&b);
    assert_all_failed(&b, "Lambda.FunctionTimedOut", 1);
    batch_free(&b);
}

static void a_line_that_is_none_fails_its_record_alone(void **state)
{
    (void)state;
    struct process_batch b;
    begin_command(EACH_LINE "if n==5:\\n  print('what?',flush=True)\\n else:\\n  " SAY, "",
                  LAMBDA(NO_RETRY));
    run_all(&b);
    assert_int_equal(b.result_count, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++)
        assert_int_equal(b.results[i].channel, i == 5 ? OUTPUT_ERROR : OUTPUT_MAIN);
    batch_free(&b);
}

static void a_command_that_answers_for_others_is_not_believed(void **state)
{
    (void)state;
    struct process_batch b;
    begin_command(EACH_LINE "r['recordId']='1'\\n " SAY, "", LAMBDA(NO_RETRY));
    run_all(&b);
    assert_all_failed(&b, "Lambda.JsonProcessingException", 1);
    batch_free(&b);
}

static void a_command_that_is_not_there_or_ends_fails_its_records(void **state)
{
    (void)state;
    struct fault f;
    struct process_batch b;
    assert_int_equal(open_file("{\"f\":{\"command\":[\"/nowhere/at/all\"]}}", &f), OK);
    begin(LAMBDA(NO_RETRY));
    run_all(&b);
    assert_all_failed(&b, "Lambda.InvokeFailed", 1);
    batch_free(&b);
    chain_close(&chain);
    transforms_close(transforms);
    assert_int_equal(open_file("{\"f\":{\"command\":[\"true\"]}}", &f), OK);
    begin(LAMBDA(NO_RETRY));
    run_all(&b);
    assert_all_failed(&b, "Lambda.FunctionError", 1);
    batch_free(&b);
}

static void a_command_sees_no_setting_of_ours(void **state)
{
    (void)state;
    struct process_batch b;
    setenv("SLUICE_S3_SECRET_KEY", "secret", 1);
    begin_command(EACH_LINE
                  "r['data']=base64.b64encode(os.environ.get('SLUICE_S3_SECRET_KEY','no')."
                  "encode()).decode()\\n " SAY,
                  "", LAMBDA(NO_RETRY));
    run_all(&b);
    unsetenv("SLUICE_S3_SECRET_KEY");
    assert_text(b.results[0].data, "no");
    batch_free(&b);
}

/* ---- the file ---- */

static void a_file_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"",
                                        "[]",
                                        "{\"f\":7}",
                                        "{\"f\":{}}",
                                        "{\"f\":{\"url\":\"ftp://x\"}}",
                                        "{\"f\":{\"url\":\"http://x\",\"command\":[\"a\"]}}",
                                        "{\"f\":{\"command\":[]}}",
                                        "{\"f\":{\"command\":[1]}}",
                                        "{\"f\":{\"command\":\"a\"}}",
                                        "{\"f\":{\"url\":\"http://x\",\"x\":1}}",
                                        "{\"f\":{\"url\":\"http://x\",\"timeoutSeconds\":0}}",
                                        "{\"f\":{\"url\":\"http://x\",\"timeoutSeconds\":301}}"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct fault f;
        if (open_file(files[i], &f) != INVALID_VALUE)
            fail_msg("%s", files[i]);
        assert_null(transforms);
    }
}

static void names_are_those_of_arns(void **state)
{
    (void)state;
    struct bytes q;
    assert_text(transform_name(BYTES_LITERAL(ARN), &q), "f");
    assert_text(transform_name(BYTES_LITERAL(ARN ":$LATEST"), &q), "f");
    assert_text(q, "$LATEST");
    static const char *const others[] = {
        "",      "f",        "arn:aws:lambda:r:a:function:", ARN "/../x",
        ARN ":", ARN ":a:b", "arn:aws:s3:r:a:function:f"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (bytes_present(transform_name(bytes_text(others[i]), &q)))
            fail_msg("%s", others[i]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define RUN(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RUN(records_are_changed_dropped_and_failed),
        RUN(keys_for_the_prefix_may_come_from_a_transform),
        RUN(each_record_is_to_be_answered_once),
        RUN(a_call_that_fails_is_made_again),
        RUN(after_the_last_retry_records_fail),
        RUN(an_answer_that_is_none_fails_its_records),
        RUN(a_function_of_a_lambda_endpoint_is_invoked_signed),
        RUN(batches_are_cut_by_size_and_any_cut_gives_the_same),
        RUN(calls_at_once_are_as_many_as_aws_makes),
        RUN(many_tiny_records_go_in_requests_that_lambda_takes),
        RUN(an_attempt_that_fails_takes_no_memory_of_the_batch),
        RUN(a_chain_that_ends_takes_its_calls_back),
        RUN(a_command_answers_line_by_line),
        RUN(a_command_that_dies_is_begun_anew),
        RUN(a_command_that_hangs_is_killed),
        RUN(a_line_that_is_none_fails_its_record_alone),
        RUN(a_command_that_answers_for_others_is_not_believed),
        RUN(a_command_that_is_not_there_or_ends_fails_its_records),
        RUN(a_command_sees_no_setting_of_ours),
        TEST(a_file_that_makes_no_sense_is_refused),
        TEST(names_are_those_of_arns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
