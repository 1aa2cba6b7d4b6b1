/* event_stream_fuzz.c: any bytes as a stream of frames. A fuzzer does not guess checksums, so those
 * of the first frame are mended before it is read; what is accepted lies within the input, its headers
 * can be walked to the end, and a string in it written again reads the same. */
#include "base/mem.h"
#include "base/must.h"
#include "wire/event_stream.h"

#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sum(uint8_t *block, size_t at)
{
    uint32_t sum = (uint32_t)crc32(0, block, (uInt)at);
    for (size_t i = 0; i < 4; i++)
        block[at + i] = (uint8_t)(sum >> (24 - 8 * i));
}

static void mend(uint8_t *block, size_t size)
{
    if (size < 16)
        return;
    put_sum(block, 8);
    size_t total =
        (size_t)block[0] << 24 | (size_t)block[1] << 16 | (size_t)block[2] << 8 | block[3];
    if (total >= 16 && total <= size)
        put_sum(block, total - 4);
}

static void write_again(const struct event_stream_message *message,
                        const struct event_stream_header *header)
{
    struct buf out;
    struct event_stream_frame frame;
    struct event_stream_message again;
    struct event_stream_header read;
    struct fault f;
    size_t taken;
    buf_init(&out, 1 << 22);
    event_stream_begin(&out, &frame, &(struct event_stream_string){header->name, header->value}, 1);
    buf_append(&out, message->payload);
    event_stream_end(&out, &frame);
    must(out.status == OK);
    must(event_stream_parse(buf_view(&out), &again, &taken, &f) == OK && taken == out.len);
    must(bytes_equal(again.payload, message->payload));
    struct bytes rest = again.headers;
    must(event_stream_header_next(&rest, &read) && bytes_equal(read.name, header->name));
    must(bytes_equal(read.value, header->value));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *block = mem_must(size == 0 ? 1 : size);
    if (size > 0)
        memcpy(block, data, size);
    mend(block, size);
    struct event_stream_message message;
    struct event_stream_header header;
    struct fault f;
    size_t taken = 0, done = 0;
    while (event_stream_parse(bytes_of(block + done, size - done), &message, &taken, &f) == OK) {
        must(taken >= 16 && taken <= size - done);
        must(message.payload.at + message.payload.len + 4 == block + done + taken);
        struct bytes rest = message.headers;
        while (event_stream_header_next(&rest, &header)) {
            must(header.value.at + header.value.len <= message.payload.at);
            if (header.type == EVENT_STREAM_STRING)
                write_again(&message, &header);
        }
        must(rest.len == 0);
        done += taken;
    }
    mem_free(block);
    return 0;
}
