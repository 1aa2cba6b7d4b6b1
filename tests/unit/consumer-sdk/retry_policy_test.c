/* retry_policy_test.c: what is worth another attempt, and how many there are. */
#include "consumer-sdk/retry_policy.h"

#include "unit/base/cmocka_all.h"

#include <stdio.h>

static enum retry_cause cause(int http_status, const char *type, const char *message)
{
    struct sluice_error e = {.status = SLUICE_SERVICE, .http_status = http_status};
    snprintf(e.type, sizeof(e.type), "%s", type);
    snprintf(e.message, sizeof(e.message), "%s", message);
    return retry_cause_of(&e);
}

static void each_error_has_its_cause(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *type, *message;
        enum retry_cause cause;
    } rows[] = {
        {400, "ProvisionedThroughputExceededException", "", RETRY_THROTTLE},
        {400, "LimitExceededException", "", RETRY_THROTTLE},
        {400, "KMSThrottlingException", "", RETRY_THROTTLE},
        {400, "ThrottlingException", "", RETRY_THROTTLE},
        {429, "", "", RETRY_THROTTLE},
        {500, "InternalFailure", "", RETRY_TRANSIENT},
        {500, "", "", RETRY_TRANSIENT},
        {502, "", "", RETRY_TRANSIENT},
        {503, "ServiceUnavailableException", "", RETRY_TRANSIENT},
        {504, "", "", RETRY_TRANSIENT},
        {400, "InternalFailureException", "", RETRY_TRANSIENT},
        {501, "", "", RETRY_NOT},
        {400, "ResourceNotFoundException", "", RETRY_NOT},
        {400, "ResourceInUseException", "", RETRY_NOT},
        {400, "ExpiredIteratorException", "", RETRY_NOT},
        {400, "ValidationException", "", RETRY_NOT},
        {400, "AccessDeniedException", "", RETRY_NOT},
        {403, "InvalidSignatureException", "Signature expired: 2026 is", RETRY_SKEW},
        {403, "InvalidSignatureException", "Signature not yet current: 2026", RETRY_SKEW},
        {403, "InvalidSignatureException", "The request signature we", RETRY_NOT},
        {403, "RequestTimeTooSkewed", "", RETRY_SKEW},
        {400, "ExpiredTokenException", "", RETRY_EXPIRED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (cause(rows[i].http_status, rows[i].type, rows[i].message) != rows[i].cause)
            fail_msg("%d %s %s", rows[i].http_status, rows[i].type, rows[i].message);
    }
}

static void what_is_not_the_services_has_its_own(void **state)
{
    (void)state;
    struct sluice_error e = {.status = SLUICE_TRANSPORT, .retryable = true};
    assert_int_equal(retry_cause_of(&e), RETRY_TRANSIENT);
    e.retryable = false; /* a certificate that is not trusted */
    assert_int_equal(retry_cause_of(&e), RETRY_NOT);
    e.status = SLUICE_TIMED_OUT;
    assert_int_equal(retry_cause_of(&e), RETRY_TRANSIENT);
    e.status = SLUICE_NO_MEMORY;
    assert_int_equal(retry_cause_of(&e), RETRY_NOT);
    e.status = SLUICE_PROTOCOL;
    assert_int_equal(retry_cause_of(&e), RETRY_NOT);
}

static void the_budget_has_its_bounds(void **state)
{
    (void)state;
    struct retry_budget b;
    retry_budget_init(&b, 12);
    assert_true(retry_budget_take(&b, 5));
    assert_true(retry_budget_take(&b, 5));
    assert_false(retry_budget_take(&b, 5));
    assert_int_equal(b.tokens, 2);
    retry_budget_give(&b, 3);
    assert_true(retry_budget_take(&b, 5));
    retry_budget_give(&b, 1000);
    assert_int_equal(b.tokens, 12);
    retry_budget_give(&b, 1);
    assert_int_equal(b.tokens, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_cause),
        cmocka_unit_test(what_is_not_the_services_has_its_own),
        cmocka_unit_test(the_budget_has_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
