/* process_transform_test.c: records through transforms that answer well, badly, late and not at all. */
#include "unit/delivery/transform_fixture.h"

#define TEST(name) cmocka_unit_test(name)

/* ---- far sides ---- */

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

static void assert_as_they_were(const struct process_batch *b)
{
    assert_int_equal(b->result_count, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) {
        assert_int_equal(b->results[i].channel, OUTPUT_MAIN);
        assert_text(b->results[i].data, texts[i]);
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
    const struct CMUnitTest tests[] = {
        RUN(records_are_changed_dropped_and_failed),
        RUN(keys_for_the_prefix_may_come_from_a_transform),
        RUN(each_record_is_to_be_answered_once),
        RUN(a_call_that_fails_is_made_again),
        RUN(after_the_last_retry_records_fail),
        RUN(an_answer_that_is_none_fails_its_records),
        RUN(a_function_of_a_lambda_endpoint_is_invoked_signed),
        RUN(batches_are_cut_by_size_and_any_cut_gives_the_same),
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
