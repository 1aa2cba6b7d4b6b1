/* http_test.c: answers, whole and in pieces. */
#include "bench/support/http.h"
#include "unit/base/cmocka_all.h"

static enum http_state read_text(const char *text, struct http_answer *out)
{
    return http_answer_read(bytes_text(text), out);
}

static void an_answer_is_whole_with_its_last_byte(void **state)
{
    (void)state;
    const char text[] = "HTTP/1.1 200 OK\r\nDate: today\r\ncontent-length: 12\r\n\r\nhello, world";
    struct http_answer a;
    for (size_t len = 0; len < sizeof(text) - 1; len++)
        assert_int_equal(http_answer_read(bytes_of(text, len), &a), HTTP_PARTIAL);
    assert_int_equal(a.total, sizeof(text) - 1); /* known once the head is there */
    assert_int_equal(read_text(text, &a), HTTP_WHOLE);
    assert_int_equal(a.status, 200);
    assert_true(bytes_equal(a.body, BYTES_LITERAL("hello, world")));
}

static void an_answer_may_have_no_body(void **state)
{
    (void)state;
    struct http_answer a;
    assert_int_equal(read_text("HTTP/1.1 503 Busy\r\nContent-Length:0\r\n\r\n", &a), HTTP_WHOLE);
    assert_int_equal(a.status, 503);
    assert_int_equal(a.body.len, 0);
}

static void what_is_not_understood_is_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc",
        "SSH-2.0-x\r\nContent-Length: 0\r\n\r\n",
        "\r\n\r\n",
    };
    struct http_answer a;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(read_text(texts[i], &a), HTTP_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_whole_with_its_last_byte),
        cmocka_unit_test(an_answer_may_have_no_body),
        cmocka_unit_test(what_is_not_understood_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
