/* tls_internal.h: the parts of tls*.c that only they share. */
#ifndef SLUICE_API_TLS_INTERNAL_H
#define SLUICE_API_TLS_INTERNAL_H

#include "api/tls.h"
#include "base/buf.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* A chain of certificates is a few KiB; nothing that is larger is one. */
enum { TLS_FILE_BYTES_MAX = 1024 * 1024 };
enum { TLS_CA_DAYS = 3653, TLS_SERVER_DAYS = 825, TLS_RENEW_DAYS = 30 };

/* ---- tls_certificate.c.  Everything returned is the caller's. */
/* Fills f with `what` and OpenSSL's own reason. */
enum status tls_fault(struct fault *f, enum status status, const char *what);
X509 *tls_certificate_parse(struct bytes pem); /* the first of a chain; NULL: it is none */
EVP_PKEY *tls_key_parse(struct bytes pem);     /* never asks for a password */
/* False when it has ended, or ends within `days`. */
bool tls_certificate_lasts(const X509 *certificate, unsigned days);
/* localhost, *.localhost, 127.0.0.1, ::1, the host's name and those in `more`, by comma.
 * INVALID_ARGUMENT. */
enum status tls_names_make(const char *more, GENERAL_NAMES **out, struct fault *f) MUST_USE;
bool tls_certificate_names(const X509 *certificate,
                           const GENERAL_NAMES *names); /* has all of them */
enum status tls_key_make(EVP_PKEY **out, struct fault *f) MUST_USE;
enum status tls_ca_make(EVP_PKEY *key, X509 **out, struct fault *f) MUST_USE;
enum status tls_server_make(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, GENERAL_NAMES *names,
                            X509 **out, struct fault *f) MUST_USE;

/* ---- tls_folder.c */
/* Makes in the folder whatever is missing, ends soon or lacks a name. Blocks on the disk. */
enum status tls_folder_prepare(const char *folder, const char *names, struct fault *f) MUST_USE;
/* Wipes, then frees: it may have held a key. */
void tls_buf_wipe(struct buf *b);

#endif
