/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to trees: scalars as Kubernetes reads them, aliases within limits, and where it is refused. */

#include "policy/read_yaml.h"

#include "base/buf.h"
#include "policy/model.h"
#include "policy/write_yaml.h"

#include <criterion/criterion.h>
#include <string.h>

static int read_text(const char *text, struct diags *diags, struct yaml_documents *documents) {
        *diags = DIAGS_INIT;
        *documents = YAML_DOCUMENTS_INIT;
        return yaml_documents_read(text, strlen(text), diags, documents);
}

/* The first document as compact JSON; large numbers with their mark. */
static void expect_tree(const char *text, const char *json) {
        struct yaml_documents documents;
        struct diags diags;
        char *dump;
        int r = read_text(text, &diags, &documents);

        if (r)
                diags_print(&diags, stderr, DIAG_INFO, false);
        cr_assert_eq(r, 0, "%s", text);
        cr_assert_geq(documents.n, 1, "%s", text);
        dump = json_dumps(documents.items[0].root, JSON_ENCODE_ANY | JSON_COMPACT);
        cr_expect_str_eq(dump, json, "%s: %s", text, dump);
        free(dump);
        yaml_documents_deinit(&documents);
        diags_deinit(&diags);
}

Test(read_yaml, trees) {
        static const struct {
                const char *text, *json;
        } rows[] = {
                { "a: [1, -2, +3, 0x1F, 0o17, 0b101, 1_000, 010]", "{\"a\":[1,-2,3,31,15,5,1000,8]}" },
                { "[1.5, 1e3, .5, 5., -0.25]", "[1.5,1000.0,0.5,5.0,-0.25]" },
                { "[.inf, .nan, 1e999, -, +, 1:30, 0x, 08x, _1]",
                  "[\".inf\",\".nan\",\"1e999\",\"-\",\"+\",\"1:30\",\"0x\",\"08x\",\"_1\"]" },
                { "[~, null, Null, NULL, '', '~', \"null\"]", "[null,null,null,null,\"\",\"~\",\"null\"]" },
                { "[true, Yes, ON, false, no, Off, 'true', y, n]",
                  "[true,true,true,false,false,false,\"true\",\"y\",\"n\"]" },
                { "[9223372036854775807, 9223372036854775808, 18446744073709551615, 0xffffffffffffffff]",
                  "[9223372036854775807,\"\\u00019223372036854775808\",\"\\u000118446744073709551615\","
                  "\"\\u000118446744073709551615\"]" },
                { "[18446744073709551616, 0x10000000000000000, -9223372036854775809]",
                  "[\"\\u000118446744073709551616\",\"\\u00010x10000000000000000\","
                  "\"\\u0001-9223372036854775809\"]" },
                { "a: !!str 12\nb: !!int \"7\"\nc: ! 3\nd: !!float 2\n",
                  "{\"a\":\"12\",\"b\":7,\"c\":\"3\",\"d\":2}" },
                { "a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}" },
                { "base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\n",
                  "{\"base\":{\"x\":1,\"y\":2},\"own\":{\"y\":3,\"x\":1}}" },
                { "a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc:\n  <<: [*a, *b]\n",
                  "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"z\":3},\"c\":{\"x\":1,\"z\":3}}" },
                { "a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}" },
                { "\"<<\": 1\n1: a\ntrue: b\n", "{\"<<\":1,\"1\":\"a\",\"true\":\"b\"}" },
                { "a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}" },
                { "---\n---\n...\n---\na: 1\n", "{\"a\":1}" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                expect_tree(rows[i].text, rows[i].json);
}

Test(read_yaml, refused) {
        static const struct {
                const char *text;
                unsigned line, column;
                const char *sentence;
        } rows[] = {
                { "a: &a [*a]\n", 1, 8, "inside of what it names" },
                { "a: *b\n", 1, 4, "no anchor is named b" },
                { "a: &a x\n*a : 1\n", 2, 1, "in place of a key" },
                { "&a k: 1\n", 1, 1, "at a key" },
                { "? [a]\n: b\n", 1, 3, "a key that is no text" },
                { "a: !thing b\n", 1, 4, "\"!thing\" has no meaning" },
                { "a: !!binary aGk=\n", 1, 4, "has no meaning" },
                { "a: !!int x\n", 1, 4, "has no meaning" },
                { "a: !!set {b}\n", 1, 4, "has no meaning" },
                { "a: \"\\0\"\n", 1, 4, "control character" },
                { "a: \"\\x01b\"\n", 1, 4, "control character" },
                { "\"a\\0\": b\n", 1, 1, "zero byte" },
                { "a: {<<: 1}\n", 1, 9, "not a mapping" },
                { "a: b: c\n", 1, 5, "mapping values are not allowed" },
                { "a: 'b\n", 2, 1, "unexpected end of stream" },
                { "a: \x01\n", 1, 4, "control characters are not allowed" },
                { "\n\na: \xff\n", 3, 4, "UTF-8" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct yaml_documents documents;
                struct diags diags;

                cr_assert_eq(read_text(rows[i].text, &diags, &documents), PROFILE_E_INVALID, "row %zu", i);
                cr_assert_eq(diags.n, 1);
                cr_expect_eq(diags.items[0].line, rows[i].line, "row %zu: line %u", i, diags.items[0].line);
                cr_expect_eq(diags.items[0].column, rows[i].column, "row %zu: column %u", i,
                             diags.items[0].column);
                cr_expect(strstr(diags.items[0].text, rows[i].sentence), "row %zu: %s", i,
                          diags.items[0].text);
                diags_deinit(&diags);
        }
}

Test(read_yaml, warned) {
        struct yaml_documents documents;
        struct diags diags;

        cr_assert_eq(read_text("a: 1\nb: 010\na: 2\n", &diags, &documents), 0);
        cr_assert_eq(diags.n, 2);
        cr_expect_str_eq(diags.items[0].id, "yaml-leading-zero");
        cr_expect_str_eq(diags.items[1].id, "duplicate-key");
        cr_expect(strstr(diags.items[1].text, "line 3, column"));
        cr_expect_eq(json_integer_value(json_object_get(documents.items[0].root, "a")), 2);
        yaml_documents_deinit(&documents);
        diags_deinit(&diags);
}

/* Each level names the one before ten times: a billion values in a few hundred bytes. */
Test(read_yaml, aliases_of_aliases, .timeout = 300) {
        struct buf text = BUF_INIT(0);
        struct yaml_documents documents;
        struct diags diags;

        buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for (int i = 1; i < 10; i++) {
                buf_printf(&text, "a%d: &a%d [", i, i);
                for (int j = 0; j < 10; j++)
                        buf_printf(&text, "%s*a%d", j ? "," : "", i - 1);
                buf_puts(&text, "]\n");
        }
        cr_assert_eq(read_text(buf_string(&text), &diags, &documents), PROFILE_E_INVALID);
        cr_expect(strstr(diags.items[0].text, "more than 131072 values"));
        diags_deinit(&diags);
        buf_deinit(&text);
}

Test(read_yaml, nesting) {
        for (unsigned depth = 63; depth <= 66; depth++) {
                struct yaml_documents documents;
                struct diags diags;
                char text[160] = "";
                int r;

                for (unsigned i = 0; i < depth; i++)
                        text[i] = '[', text[depth + i] = ']';
                r = read_text(text, &diags, &documents);
                cr_expect_eq(r, depth > PROFILE_DEPTH_MAX ? PROFILE_E_INVALID : 0, "%u levels", depth);
                if (r)
                        cr_expect(strstr(diags.items[0].text, "nested deeper than 64"));
                yaml_documents_deinit(&documents);
                diags_deinit(&diags);
        }
}

/* An alias deepens the place where it stands. */
Test(read_yaml, nesting_by_alias) {
        struct buf text = BUF_INIT(0);
        struct yaml_documents documents;
        struct diags diags;

        buf_puts(&text, "a: &a ");
        for (int i = 0; i < 40; i++)
                buf_putc(&text, '[');
        for (int i = 0; i < 40; i++)
                buf_putc(&text, ']');
        buf_puts(&text, "\nb: ");
        for (int i = 0; i < 30; i++)
                buf_putc(&text, '[');
        buf_puts(&text, "*a");
        for (int i = 0; i < 30; i++)
                buf_putc(&text, ']');
        cr_expect_eq(read_text(buf_string(&text), &diags, &documents), PROFILE_E_INVALID);
        cr_expect(diags.n && strstr(diags.items[0].text, "by the alias"));
        diags_deinit(&diags);
        buf_deinit(&text);
}

/* Whatever is quoted is read back, as a string. */
Test(read_yaml, quoted_strings_return) {
        static const char *const texts[] = { "",
                                             "a",
                                             "y",
                                             "n",
                                             "null",
                                             "~",
                                             "true",
                                             "1",
                                             "0x1",
                                             "1e3",
                                             ".5",
                                             "-",
                                             "- a",
                                             "a: b",
                                             "a #b",
                                             "#a",
                                             "'",
                                             "\"",
                                             "\\",
                                             "a\nb",
                                             "\x7f",
                                             "\t",
                                             "\xc3\xa4",
                                             "\xe2\x80\xa8",
                                             "\xf0\x9f\x90\x80",
                                             "@a",
                                             "`",
                                             "%a",
                                             "&a",
                                             "*a",
                                             "!a",
                                             "|",
                                             ">",
                                             "{",
                                             "[",
                                             "a_b",
                                             "/a/b.c",
                                             "2024-01-01",
                                             "<<",
                                             "=",
                                             "\xef\xbb\xbf",
                                             "\xc2\x85",
                                             " a",
                                             "a ",
                                             "SCMP_ACT_ALLOW",
                                             "nUlL",
                                             "Off",
                                             "no",
                                             "1_0",
                                             "0o7",
                                             "x-y" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct yaml_documents documents;
                struct buf text = BUF_INIT(0);
                struct diags diags;
                const char *value;

                buf_puts(&text, "k: ");
                yaml_quote(texts[i], &text);
                buf_puts(&text, "\nl:\n- ");
                yaml_quote(texts[i], &text);
                buf_putc(&text, '\n');
                cr_assert_eq(read_text(buf_string(&text), &diags, &documents), 0, "%s", buf_string(&text));
                value = json_string_value(json_object_get(documents.items[0].root, "k"));
                cr_assert(value && !strcmp(value, texts[i]), "%s", buf_string(&text));
                value = json_string_value(json_array_get(json_object_get(documents.items[0].root, "l"), 0));
                cr_assert(value && !strcmp(value, texts[i]), "%s", buf_string(&text));
                yaml_documents_deinit(&documents);
                diags_deinit(&diags);
                buf_deinit(&text);
        }
}
