/* s3_answer_test.c: what is read of S3's XML. */
#include "delivery/s3_answer.h"

#include "unit/base/cmocka_all.h"

static void assert_text(struct bytes xml, const char *name, const char *expected)
{
    struct arena a;
    arena_init(&a, 65536);
    struct bytes text = s3_text(xml, name, &a);
    if (expected) {
        assert_true(bytes_present(text));
        assert_string_equal((const char *)text.at, expected);
    } else {
        assert_false(bytes_present(text));
    }
    arena_fini(&a);
}

static void an_element_is_found_by_its_whole_name(void **state)
{
    (void)state;
    struct bytes xml = BYTES_LITERAL(
        "<?xml version=\"1.0\"?>\n<Error><Codes>x</Codes><Code>NoSuchBucket</Code>"
        "<Message>a &lt;b&gt; &amp;amp; &quot;c&quot; &#39;d&#39; &x;</Message><Empty/></Error>");
    assert_text(xml, "Code", "NoSuchBucket");
    assert_text(xml, "Message", "a <b> &amp; \"c\" 'd' &x;");
    assert_text(xml, "Empty", "");
    assert_text(xml, "Resource", NULL);
    assert_text(BYTES_LITERAL(""), "Code", NULL);
    assert_text(BYTES_LITERAL("<Code"), "Code", NULL);
    assert_text(BYTES_LITERAL("<Code>no end"), "Code", NULL);
}

static void a_list_is_walked(void **state)
{
    (void)state;
    struct bytes rest = BYTES_LITERAL(
        "<L xmlns=\"x\"><Prefix>k</Prefix><Upload><Key>k</Key><UploadId>1</UploadId></Upload>"
        "<Upload ><Key>kk</Key><UploadId>2</UploadId></Upload></L>");
    struct bytes one = s3_element(&rest, "Upload");
    assert_text(one, "Key", "k");
    struct bytes two = s3_element(&rest, "Upload");
    assert_text(two, "UploadId", "2");
    assert_false(bytes_present(s3_element(&rest, "Upload")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_is_found_by_its_whole_name),
        cmocka_unit_test(a_list_is_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
