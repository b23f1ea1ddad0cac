/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern of a stranger, and behind a NUL the text of another that it is held against: as a path, and
 * as an address. Whether it matches does not depend on what is asked for, and captures lie in the text.
 */

#include "policy/native/address.h"
#include "policy/native/pattern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match(const char *written, const char *text, size_t n_text) {
        struct policy_capture captures[POLICY_CAPTURES_MAX];
        cleanup_pattern struct policy_pattern *pattern = NULL;
        char error[128] = "";
        const char *literal;
        size_t n = 0;
        bool matches;
        int r = pattern_new(written, &pattern, error, sizeof(error));

        if (r) {
                if (r != POLICY_E_INVALID || !error[0])
                        abort();
                return;
        }
        matches = pattern_match(pattern, text, captures, &n);
        if (matches != pattern_match(pattern, text, NULL, NULL))
                abort();
        if (n > pattern_n_captures(pattern) || (!matches && n > 0))
                abort();
        for (size_t i = 0; i < n; i++)
                if (captures[i].text < text || captures[i].n > n_text ||
                    captures[i].text > text + n_text - captures[i].n)
                        abort();
        literal = pattern_literal(pattern);
        if (literal && (!pattern_match(pattern, literal, NULL, NULL) || matches != !strcmp(literal, text)))
                abort();
}

/* What can be written as an address can be read again, and matches what it was written for. */
static void match_address(const char *written, const char *bytes, size_t n) {
        struct policy_address address;
        struct address_target target;
        struct sockaddr_storage given = { 0 };
        char error[128] = "", text[ADDRESS_TEXT_MAX];

        if (n > sizeof(given))
                n = sizeof(given);
        memcpy(&given, bytes, n);
        if (address_parse(written, &address, error, sizeof(error)) == 0) {
                address_match(&address, (const struct sockaddr *)&given, n);
                address_deinit(&address);
        } else if (!error[0]) {
                abort();
        }
        address_target_parse(written, &target, error, sizeof(error));
        if (!address_text((const struct sockaddr *)&given, n, text, sizeof(text)))
                return;
        if (address_parse(text, &address, error, sizeof(error)) != 0)
                return; /* characters with a meaning in a pattern */
        if (!strpbrk(text, "*?[{(\\$~") && !address_match(&address, (const struct sockaddr *)&given, n))
                abort();
        address_deinit(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *bytes = malloc(size + 2);
        size_t n, n_text;

        if (!bytes)
                return 0;
        memcpy(bytes, data, size);
        bytes[size] = bytes[size + 1] = 0;
        n = strlen(bytes);
        n_text = n < size ? size - n - 1 : 0;
        match(bytes, bytes + n + 1, strlen(bytes + n + 1));
        match_address(bytes, bytes + n + 1, n_text);
        free(bytes);
        return 0;
}
