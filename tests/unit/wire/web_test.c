/* web_test.c: calls to a far side that answers, one and many. */
#include "base/digest.h"
#include "unit/wire/web_fixture.h"

/* ---- answers */

static enum far_next describe(struct far_request *r)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_append_text(&text, r->head);
    buf_append(&text, r->body);
    buf_append_byte(&text, '\0');
    far_answer(r, 200, "text/plain", (const char *)text.at);
    buf_fini(&text);
    return FAR_KEEP;
}

static void an_answer_comes_with_code_headers_and_body(void **state)
{
    (void)state;
    begin();
    struct web_call *c = one("POST", "/a", BYTES_LITERAL("hello"));
    expect(c, OK, 0);
    assert_int_equal(c->code, 200);
    assert_true(bytes_equal(buf_view(&c->answer), BYTES_LITERAL("hello")));
    assert_true(bytes_equal(c->answer_etag, BYTES_LITERAL("\"tag\"")));
    assert_false(bytes_present(c->answer_type));
    assert_false(bytes_present(c->answer_encoding));
    assert_true(c->answer_has_length);
}

static void a_request_is_exactly_what_was_said(void **state)
{
    (void)state;
    far.handle = describe;
    begin();
    struct test_call *c = prepare(0, "POST", "/p/q?x=%20");
    c->call.body = BYTES_LITERAL("body");
    c->call.headers[0] = (struct web_header){BYTES_LITERAL("X-One"), BYTES_LITERAL("1")};
    c->call.headers[1] = (struct web_header){BYTES_LITERAL("X-Empty"), BYTES_LITERAL("")};
    c->call.headers[2] = (struct web_header){BYTES_LITERAL("X-Absent"), BYTES_NONE};
    c->call.header_count = 3;
    start(c);
    run_all();
    expect(&c->call, OK, 0);
    char wanted[512];
    snprintf(
        wanted, sizeof(wanted),
        "POST /p/q?x=%%20 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: sluice/%s\r\nX-One: 1\r\n"
        "X-Empty:\r\nContent-Length: 4\r\n\r\nbody",
        far.port, SLUICE_VERSION);
    buf_append_byte(&c->call.answer, '\0');
    assert_string_equal((char *)c->call.answer.at, wanted);
    assert_true(bytes_equal(c->call.answer_type, BYTES_LITERAL("text/plain")));
}

static void a_body_in_pieces_is_one_body(void **state)
{
    (void)state;
    static const struct bytes pieces[] = {BYTES_LITERAL("bo"), BYTES_LITERAL(""), BYTES_NONE,
                                          BYTES_LITERAL("dy")};
    far.handle = describe;
    begin();
    struct test_call *c = prepare(0, "POST", "/");
    c->call.pieces = (struct rope){pieces, 4};
    start(c);
    run_all();
    expect(&c->call, OK, 0);
    char wanted[512];
    snprintf(wanted, sizeof(wanted),
             "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: sluice/%s\r\n"
             "Content-Length: 4\r\n\r\nbody",
             far.port, SLUICE_VERSION);
    buf_append_byte(&c->call.answer, '\0');
    assert_string_equal((char *)c->call.answer.at, wanted);
}

static unsigned sized_calls;
static size_t sized_bytes;
static uint8_t *lent;

static void lend(struct web_call *c, size_t bytes)
{
    sized_calls++;
    sized_bytes = bytes;
    assert_null(c->answer.at);
    c->answer.at = lent = mem_must(bytes);
    c->answer.room = bytes;
}

/* Its length is said first, but not to HTTP/1.0's way of ending. */
static enum far_next end_by_closing(struct far_request *r)
{
    far_printf(r, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
    return FAR_CLOSE;
}

static struct test_call *prepare_sized(unsigned i, size_t body)
{
    static uint8_t large[300000];
    struct test_call *c = prepare(i, "POST", "/");
    memset(large, 'x', sizeof(large));
    c->call.body = bytes_of(large, body);
    c->call.sized = lend;
    sized_calls = 0;
    return c;
}

static void an_answer_that_says_its_length_goes_into_memory_of_its_owner(void **state)
{
    (void)state;
    begin();
    struct test_call *c = prepare_sized(0, 300000);
    start(c);
    run_all();
    expect(&c->call, OK, 0);
    assert_int_equal(sized_calls, 1);
    assert_int_equal(sized_bytes, 300000);
    assert_ptr_equal(c->call.answer.at, lent);
    assert_true(bytes_equal(buf_view(&c->call.answer), c->call.body));
    far.handle = end_by_closing;
    c = prepare_sized(1, 1);
    start(c);
    run_all();
    expect(&c->call, OK, 0);
    assert_int_equal(sized_calls, 0);
    assert_true(bytes_equal(buf_view(&c->call.answer), BYTES_LITERAL("hello")));
}

static void an_answer_that_says_to_be_too_large_asks_for_no_memory(void **state)
{
    (void)state;
    begin();
    struct test_call *c = prepare_sized(0, 300000);
    c->call.answer_bytes_max = 299999;
    start(c);
    run_all();
    expect(&c->call, TOO_LARGE, 0);
    assert_int_equal(sized_calls, 0);
}

static void every_method_goes_out_as_named(void **state)
{
    (void)state;
    static const struct {
        const char *method, *lengths;
    } rows[] = {{"GET", NULL},
                {"DELETE", NULL},
                {"PUT", "Content-Length: 0"},
                {"POST", "Content-Length: 0"}};
    far.handle = describe;
    begin();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct web_call *c = one(rows[i].method, "/", BYTES_NONE);
        expect(c, OK, 0);
        buf_append_byte(&c->answer, '\0');
        const char *head = (const char *)c->answer.at;
        assert_memory_equal(head, rows[i].method, strlen(rows[i].method));
        assert_true((strstr(head, "Content-Length") == NULL) == (rows[i].lengths == NULL));
        if (rows[i].lengths != NULL)
            assert_non_null(strstr(head, rows[i].lengths));
        buf_fini(&c->answer);
    }
}

static enum far_next head_only(struct far_request *r)
{
    far_printf(r, "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\nETag: x\r\n\r\n");
    return FAR_KEEP;
}

static void head_takes_the_head_alone(void **state)
{
    (void)state;
    far.handle = head_only;
    begin();
    struct web_call *c = one("HEAD", "/", BYTES_NONE);
    expect(c, OK, 0);
    assert_true(bytes_equal(c->answer_etag, BYTES_LITERAL("x")));
    assert_int_equal(c->answer.len, 0);
}

static enum far_next redirect(struct far_request *r)
{
    far_printf(r, "HTTP/1.1 307 Elsewhere\r\nLocation: /b\r\nContent-Encoding: "
                  "gzip\r\nContent-Length: 3\r\n\r\nbad");
    return FAR_KEEP;
}

static void a_redirect_is_an_answer_like_any_other(void **state)
{
    (void)state;
    far.handle = redirect;
    begin();
    struct web_call *c = one("POST", "/a", BYTES_LITERAL("x"));
    expect(c, OK, 0);
    assert_int_equal(c->code, 307);
    assert_true(bytes_equal(c->answer_encoding, BYTES_LITERAL("gzip")));
    assert_int_equal(c->answer.len, 0); /* keep_error_body was not asked for */
    assert_int_equal(far_requests(&far), 1);
}

static enum far_next fail_with_words(struct far_request *r)
{
    far_answer(r, 503, "text/html", "words");
    return FAR_KEEP;
}

static void the_body_of_an_error_is_kept_on_request(void **state)
{
    (void)state;
    far.handle = fail_with_words;
    begin();
    struct test_call *c = prepare(0, "POST", "/");
    c->call.keep_error_body = true;
    start(c);
    run_all();
    expect(&c->call, OK, 0);
    assert_int_equal(c->call.code, 503);
    assert_true(bytes_equal(buf_view(&c->call.answer), BYTES_LITERAL("words")));
}

static enum far_next too_much(struct far_request *r)
{
    char kib[1024];
    memset(kib, 'x', sizeof(kib));
    far_printf(r, "HTTP/1.1 %s OK\r\n\r\n", r->target + 1);
    for (unsigned i = 0; i < 4096; i++)
        far_write(r, bytes_of(kib, sizeof(kib)));
    return FAR_CLOSE;
}

static void an_answer_over_its_ceiling_is_cut_off(void **state)
{
    (void)state;
    far.handle = too_much;
    begin();
    struct web_call *c = one("GET", "/200", BYTES_NONE);
    expect(c, TOO_LARGE, 0);
    assert_int_equal(c->code, 200);
    assert_non_null(strstr(c->fault.text, "over 1048576 bytes"));
    buf_fini(&c->answer);
    expect(one("GET", "/500", BYTES_NONE), TOO_LARGE, 0);
}

static enum far_next informed(struct far_request *r)
{
    far_printf(
        r, "HTTP/1.1 103 Early Hints\r\nContent-Encoding: br\r\nContent-Type: text/early\r\n\r\n");
    far_printf(r, "HTTP/1.1 200 OK\r\ncontent-type:  a/b \r\nTransfer-Encoding: "
                  "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    return FAR_KEEP;
}

static void the_last_head_counts(void **state)
{
    (void)state;
    far.handle = informed;
    begin();
    struct web_call *c = one("GET", "/", BYTES_NONE);
    expect(c, OK, 0);
    assert_true(bytes_equal(c->answer_type, BYTES_LITERAL("a/b")));
    assert_false(bytes_present(c->answer_encoding));
    assert_false(c->answer_has_length);
    assert_true(bytes_equal(buf_view(&c->answer), BYTES_LITERAL("abc")));
}

static enum far_next long_head(struct far_request *r)
{
    char name[4096];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    far_printf(r, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nETag: %s\r\nContent-Length: 0\r\n\r\n",
               name, name);
    return FAR_KEEP;
}

static void long_headers_are_cut(void **state)
{
    (void)state;
    far.handle = long_head;
    begin();
    struct web_call *c = one("GET", "/", BYTES_NONE);
    expect(c, OK, 0);
    assert_in_range(c->answer_type.len + c->answer_etag.len, 100, WEB_ANSWER_HEAD_BYTES);
}

static enum far_next digest_of(struct far_request *r)
{
    uint8_t digest[MD5_BYTES];
    char hex[2 * MD5_BYTES + 1], expected[64];
    digest_md5(r->body, digest);
    hex_print(bytes_of(digest, sizeof(digest)), hex);
    bool expects = far_header(r, "Expect", expected, sizeof(expected));
    far_answer(r, 200, expects ? "bad/expect" : "text/plain", hex);
    return FAR_KEEP;
}

static void a_body_of_64_mib_arrives_whole(void **state)
{
    (void)state;
    far.handle = digest_of;
    begin();
    size_t len = 64 << 20;
    uint8_t *body = mem_try(len), digest[MD5_BYTES];
    char hex[2 * MD5_BYTES + 1];
    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(i * 2654435761u >> 13);
    digest_md5(bytes_of(body, len), digest);
    hex_print(bytes_of(digest, sizeof(digest)), hex);
    static const char *const methods[] = {"POST", "PUT"};
    for (unsigned i = 0; i < 2; i++) {
        struct web_call *c = one(methods[i], "/", bytes_of(body, len));
        expect(c, OK, 0);
        assert_true(bytes_equal(buf_view(&c->answer), bytes_text(hex)));
        assert_true(bytes_equal(c->answer_type, BYTES_LITERAL("text/plain")));
        buf_fini(&c->answer);
    }
    mem_free(body);
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 5; i++) {
        struct web_call *c = one("POST", "/", BYTES_LITERAL("x"));
        expect(c, OK, 0);
        buf_fini(&c->answer);
    }
    assert_int_equal(far_connections(&far), 1);
}

static void a_kick_sends_what_was_started(void **state)
{
    (void)state;
    begin();
    struct web_call *first = one("POST", "/", BYTES_LITERAL("x"));
    expect(first, OK, 0);
    buf_fini(&first->answer);
    struct test_call *c = prepare(0, "POST", "/"); /* on the kept connection */
    c->call.body = BYTES_LITERAL("more");
    start(c);
    web_kick(web);
    far_wait_requests(&far, 2);    /* nothing has turned the loop */
    assert_int_equal(c->dones, 0); /* W1 */
    run_all();
    expect(&c->call, OK, 0);
    assert_true(bytes_equal(buf_view(&c->call.answer), BYTES_LITERAL("more")));
}

static void a_kick_with_nothing_to_send_does_nothing(void **state)
{
    (void)state;
    begin();
    web_kick(web);
    expect(one("POST", "/", BYTES_LITERAL("x")), OK, 0);
    assert_int_equal(far_requests(&far), 1);
}

static enum far_next echo_and_close(struct far_request *r)
{
    echo(r);
    return FAR_CLOSE;
}

static void a_kept_connection_that_died_is_replaced(void **state)
{
    (void)state;
    far.handle = echo_and_close;
    begin();
    for (unsigned i = 0; i < 5; i++) {
        struct web_call *c = one("POST", "/", BYTES_LITERAL("x"));
        expect(c, OK, 0);
        buf_fini(&c->answer);
    }
    assert_int_equal(far_requests(&far), 5);
}

/* It takes the second request, and resets the connection: libcurl has sent all of it and must begin anew. */
static enum far_next echo_but_the_second(struct far_request *r)
{
    return r->number == 1 ? FAR_RESET : echo(r);
}

static void a_body_in_pieces_goes_again_where_the_first_was_lost(void **state)
{
    (void)state;
    static uint8_t large[300000];
    const struct bytes pieces[] = {bytes_of(large, 1000), bytes_of(large + 1000, 0),
                                   bytes_of(large + 1000, sizeof(large) - 1000)};
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * 2654435761u >> 13);
    far.handle = echo_but_the_second;
    begin();
    for (unsigned i = 0; i < 2; i++) {
        struct test_call *c = prepare(0, "POST", "/");
        c->call.pieces = (struct rope){pieces, 3};
        start(c);
        run_all();
        expect(&c->call, OK, 0);
        assert_true(bytes_equal(buf_view(&c->call.answer), bytes_of(large, sizeof(large))));
        buf_fini(&c->call.answer);
    }
    assert_int_equal(far_requests(&far), 3);
    assert_int_equal(far_connections(&far), 2);
}

/* ---- many at once */

static enum far_next echo_when_all_are_there(struct far_request *r)
{
    far_wait_requests(r->far, *(unsigned *)r->far->arg);
    return echo(r);
}

static void many_calls_run_at_once(void **state)
{
    (void)state;
    static unsigned all = 100;
    far.handle = echo_when_all_are_there;
    far.arg = &all;
    begin();
    for (unsigned i = 0; i < all; i++)
        start(prepare(i, "POST", "/"));
    run_all();
    for (unsigned i = 0; i < all; i++)
        expect(&calls[i].call, OK, 0);
    assert_int_equal(far_connections(&far), all);
}

static void calls_over_the_limit_wait_their_turn(void **state)
{
    (void)state;
    far_open(&far);
    open_web("", 4);
    for (unsigned i = 0; i < 40; i++)
        start(prepare(i, "POST", "/"));
    run_all();
    for (unsigned i = 0; i < 40; i++)
        expect(&calls[i].call, OK, 0);
    assert_int_equal(far_connections(&far), 2); /* W5: half of them to one far side */
    assert_int_equal(far_requests(&far), 40);
}

static void stop_when_others_are_done(struct test_call *c)
{
    (void)c;
    if (pending == 1 + 10)
        loop_stop(loop);
}

static void a_far_side_that_hangs_stops_no_other(void **state)
{
    (void)state;
    static struct far_side other;
    far.handle = say_nothing;
    far_open(&far);
    far_init(&other);
    other.handle = echo;
    far_open(&other);
    open_web("", 4);
    for (unsigned i = 0; i < 10; i++)
        start(prepare(i, "POST", "/"));
    for (unsigned i = 10; i < 20; i++) {
        struct test_call *c = prepare(i, "POST", "/");
        mem_free((char *)c->call.url);
        c->call.url = mem_strdup(far_url(&other, "/"));
        c->then = stop_when_others_are_done;
        start(c);
    }
    loop_run(loop);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(calls[i].dones, i >= 10);
    web_free(web);
    web = NULL;
    pending = 0;
    run_all();
    for (unsigned i = 0; i < 10; i++)
        expect(&calls[i].call, CLOSING, 0);
    far_close(&other);
}

int main(void)
{
    far_prepare_process();
    static const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_with_code_headers_and_body),
        TEST(a_request_is_exactly_what_was_said),
        TEST(a_body_in_pieces_is_one_body),
        TEST(a_body_in_pieces_goes_again_where_the_first_was_lost),
        TEST(an_answer_that_says_its_length_goes_into_memory_of_its_owner),
        TEST(an_answer_that_says_to_be_too_large_asks_for_no_memory),
        TEST(every_method_goes_out_as_named),
        TEST(head_takes_the_head_alone),
        TEST(a_redirect_is_an_answer_like_any_other),
        TEST(the_body_of_an_error_is_kept_on_request),
        TEST(an_answer_over_its_ceiling_is_cut_off),
        TEST(the_last_head_counts),
        TEST(long_headers_are_cut),
        TEST(a_body_of_64_mib_arrives_whole),
        TEST(a_connection_is_used_again),
        TEST(a_kick_sends_what_was_started),
        TEST(a_kick_with_nothing_to_send_does_nothing),
        TEST(a_kept_connection_that_died_is_replaced),
        TEST(many_calls_run_at_once),
        TEST(calls_over_the_limit_wait_their_turn),
        TEST(a_far_side_that_hangs_stops_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
