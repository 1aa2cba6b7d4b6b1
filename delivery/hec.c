/* hec.c: see the header. Codes are those of "Troubleshoot HTTP Event Collector" (Splunk Enterprise 9); names those of Firehose's log. Thread: any. */
#include "delivery/hec.h"

#include <jansson.h>
#include <stdio.h>

enum status hec_answer_read(struct bytes answer, struct hec_answer *out)
{
    *out = (struct hec_answer){.code = HEC_NO_CODE};
    json_error_t error;
    json_t *root = json_loadb((const char *)answer.at, answer.len, 0, &error);
    enum status st = json_is_object(root) ? OK : MALFORMED;
    json_t *code = json_object_get(root, "code"), *ack = json_object_get(root, "ackId");
    const char *text = json_string_value(json_object_get(root, "text"));
    if (json_is_integer(code) && json_integer_value(code) >= 0 && json_integer_value(code) < 1000)
        out->code = (int)json_integer_value(code);
    if (json_is_integer(ack) && json_integer_value(ack) >= 0) {
        out->has_ack = true;
        out->ack_id = (uint64_t)json_integer_value(ack);
    }
    if (text != NULL)
        snprintf(out->text, sizeof(out->text), "%s", text);
    json_decref(root);
    return st;
}

enum status hec_ack_read(struct bytes answer, uint64_t ack_id, bool *acknowledged)
{
    char name[24];
    json_error_t error;
    json_t *root = json_loadb((const char *)answer.at, answer.len, 0, &error);
    snprintf(name, sizeof(name), "%llu", (unsigned long long)ack_id);
    json_t *ack = json_object_get(json_object_get(root, "acks"), name);
    enum status st = json_is_boolean(ack) ? OK : MALFORMED;
    *acknowledged = json_is_true(ack);
    json_decref(root);
    return st;
}

const char *hec_error(const struct hec_answer *a, int http_status, bool *for_good)
{
    static const struct {
        int code;
        const char *name;
        bool for_good;
    } rows[] = {
        {1, "Splunk.DisabledToken", false},
        {2, "Splunk.InvalidToken", false},
        {3, "Splunk.InvalidToken", false},
        {4, "Splunk.InvalidToken", false},
        {5, "Splunk.InvalidDataFormat", true},
        {6, "Splunk.InvalidDataFormat", true},
        {7, "Splunk.InvalidIndex", false},
        {8, "Splunk.ServerError", false},
        {9, "Splunk.ServerError", false},
        {10, "Splunk.ProxyWithoutStickySessions", false},
        {11, "Splunk.ProxyWithoutStickySessions", false},
        {12, "Splunk.InvalidDataFormat", true},
        {13, "Splunk.InvalidDataFormat", true},
        {14, "Splunk.DisabledAck", true},
        {15, "Splunk.InvalidDataFormat", true},
    };
    *for_good = false;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].code == a->code) {
            *for_good = rows[i].for_good;
            return rows[i].name;
        }
    }
    if (http_status == 401 || http_status == 403)
        return "Splunk.InvalidToken";
    return http_status >= 500 || http_status == 429 ? "Splunk.ServerError"
                                                    : "Splunk.InvalidEndpoint";
}
