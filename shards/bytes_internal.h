/* bytes_internal.h: numbers in stored bytes. Little-endian in values, big-endian in keys, so that
 * keys sort as numbers. */
#ifndef SLUICE_SHARDS_BYTES_INTERNAL_H
#define SLUICE_SHARDS_BYTES_INTERNAL_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put_le16(uint8_t *at, uint16_t n)
{
    n = htole16(n);
    memcpy(at, &n, sizeof n);
}
static inline void put_le32(uint8_t *at, uint32_t n)
{
    n = htole32(n);
    memcpy(at, &n, sizeof n);
}
static inline void put_le64(uint8_t *at, uint64_t n)
{
    n = htole64(n);
    memcpy(at, &n, sizeof n);
}
static inline void put_be32(uint8_t *at, uint32_t n)
{
    n = htobe32(n);
    memcpy(at, &n, sizeof n);
}
static inline void put_be64(uint8_t *at, uint64_t n)
{
    n = htobe64(n);
    memcpy(at, &n, sizeof n);
}
static inline uint16_t get_le16(const uint8_t *at)
{
    uint16_t n;
    memcpy(&n, at, sizeof n);
    return le16toh(n);
}
static inline uint32_t get_le32(const uint8_t *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return le32toh(n);
}
static inline uint64_t get_le64(const uint8_t *at)
{
    uint64_t n;
    memcpy(&n, at, sizeof n);
    return le64toh(n);
}
static inline uint32_t get_be32(const uint8_t *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return be32toh(n);
}
static inline uint64_t get_be64(const uint8_t *at)
{
    uint64_t n;
    memcpy(&n, at, sizeof n);
    return be64toh(n);
}

#endif
