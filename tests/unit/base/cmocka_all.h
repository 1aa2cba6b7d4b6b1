/* cmocka_all.h: cmocka with the headers that it needs to stand before it. */
#ifndef SLUICE_TESTS_UNIT_BASE_CMOCKA_ALL_H
#define SLUICE_TESTS_UNIT_BASE_CMOCKA_ALL_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
