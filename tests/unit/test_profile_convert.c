/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile convert and dry-run-profile: exit codes, what is written where, and what is not. */

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <getopt.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"

static char folder[64], input[96], output[96];

static void start(void) {
        cr_redirect_stdout();
        cr_redirect_stderr();
        strcpy(folder, "/tmp/callgate-convert.XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        snprintf(input, sizeof(input), "%s/in.json", folder);
        snprintf(output, sizeof(output), "%s/out", folder);
}

static void stop(void) {
        unlink(input);
        unlink(output);
        cr_expect_eq(rmdir(folder), 0, "files are left in %s", folder);
}

TestSuite(profile_convert, .init = start, .fini = stop);

static void given(const char *text) {
        FILE *file = fopen(input, "w");

        cr_assert_not_null(file);
        fputs(text, file);
        cr_assert_eq(fclose(file), 0);
}

/* words: those after the verb, with spaces between them. */
static int run(int (*verb)(int argc, char **argv), const char *words) {
        char copy[512], *argv[32];
        int argc = 1;

        snprintf(copy, sizeof(copy), "%s", words);
        argv[0] = (char[]){ "verb" };
        for (char *word = strtok(copy, " "); word && argc < 31; word = strtok(NULL, " "))
                argv[argc++] = word;
        argv[argc] = NULL;
        optind = 0;
        return verb(argc, argv);
}

static int convert(const char *words) {
        char all[512];

        snprintf(all, sizeof(all), "%s %s", input, words);
        return run(profile_verb_convert, all);
}

static int dry_run(const char *words) {
        char all[512];

        snprintf(all, sizeof(all), "%s -o %s %s", input, output, words);
        return run(profile_verb_dry_run_profile, all);
}

static struct buf written(void) {
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(buf_read_file(&buf, output, 1 << 20), 0);
        buf_putc(&buf, '\0');
        return buf;
}

#define CONDITIONAL                                                                                         \
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_"  \
        "ALLOW\","                                                                                          \
        "\"includes\":{\"caps\":[\"CAP_BPF\"]}},{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\"}]}"

Test(profile_convert, losses_refuse) {
        char words[200];

        given(CONDITIONAL);
        snprintf(words, sizeof(words), "--to oci -o %s", output);
        cr_expect_eq(convert(words), 1);
        cr_expect_neq(access(output, F_OK), 0);
}

Test(profile_convert, lossy_writes) {
        char words[200];
        struct buf text;

        given(CONDITIONAL);
        snprintf(words, sizeof(words), "--to oci --lossy -o %s", output);
        cr_expect_eq(convert(words), 0);
        text = written();
        cr_expect(strstr(text.data, "\"write\""));
        buf_deinit(&text);
}

Test(profile_convert, context_chosen) {
        char words[200];
        struct buf text;

        given(CONDITIONAL);
        snprintf(words, sizeof(words), "--to oci --cap none -o %s", output);
        cr_expect_eq(convert(words), 0);
        text = written();
        cr_expect(strstr(text.data, "\"write\""));
        cr_expect_null(strstr(text.data, "\"read\""));
        buf_deinit(&text);
        snprintf(words, sizeof(words), "--to oci --cap CAP_BPF --output %s", output);
        cr_expect_eq(convert(words), 0);
        text = written();
        cr_expect(strstr(text.data, "\"read\""));
        buf_deinit(&text);
}

Test(profile_convert, resource) {
        char words[200];
        struct buf text;

        given("{\"defaultAction\":\"SCMP_ACT_LOG\"}");
        snprintf(words, sizeof(words), "--to spo --name web --api v1beta1 -o %s", output);
        cr_expect_eq(convert(words), 0);
        text = written();
        cr_expect_str_eq(text.data,
                         "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\n"
                         "metadata:\n  name: web\nspec:\n  defaultAction: SCMP_ACT_LOG\n");
        buf_deinit(&text);
        snprintf(words, sizeof(words), "--to spo --json -o %s", output);
        cr_expect_eq(convert(words), 0);
        text = written();
        cr_expect_str_eq(text.data,
                         "{\n\t\"apiVersion\": \"security-profiles-operator.x-k8s.io/v1\",\n\t\"kind\": "
                         "\"SeccompProfile\",\n\t\"metadata\": {\n\t\t\"name\": \"in\"\n\t},\n\t\"spec\": "
                         "{\n\t\t\"defaultAction\": \"SCMP_ACT_LOG\"\n\t}\n}\n");
        buf_deinit(&text);
}

Test(profile_convert, program) {
        char words[200];
        struct stat st;

        given("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":"
              "\"SCMP_ACT_ERRNO\"}]}");
        snprintf(words, sizeof(words), "--to bpf -o %s", output);
        cr_expect_eq(convert(words), 0);
        cr_assert_eq(stat(output, &st), 0);
        cr_expect_gt(st.st_size, 0);
        cr_expect_eq(st.st_size % (off_t)sizeof(struct sock_filter), 0);
}

Test(profile_convert, mistakes) {
        static const char *const words[] = {
                "",
                "--to",
                "--to kafel",
                "--to oci extra",
                "--to spo --name Up_Case",
                "--to spo --api v2",
                "--to oci --cap CAP_NONE",
                "--to oci --arch pdp11",
                "--to oci --kernel new",
                "--to oci --dialect kafel",
                "--bogus",
        };

        given("{\"defaultAction\":\"SCMP_ACT_LOG\"}");
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                cr_expect_eq(convert(words[i]), EXIT_USAGE, "%s", words[i]);
        given("{\"defaultAction\":\"SCMP_ACT_BLOG\"}");
        cr_expect_eq(convert("--to oci"), EXIT_USAGE);
        given("{}");
        cr_expect_eq(convert("--to systemd"), EXIT_USAGE);
        cr_expect_eq(run(profile_verb_convert, "/nowhere.json --to oci"), EXIT_USAGE);
        cr_expect_eq(run(profile_verb_convert, "--help"), 0);
}

Test(profile_convert, what_cannot_be_written) {
        given("{\"defaultAction\":\"SCMP_ACT_LOG\"}");
        cr_expect_eq(convert("--to oci -o /nowhere/file"), EXIT_USAGE);
}

Test(profile_convert, dry_run) {
        struct buf text;

        given("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
              "\"SCMP_ACT_ALLOW\"}]}");
        cr_expect_eq(dry_run("--listener /run/a.sock --metadata x --runtime crun"), 0);
        text = written();
        cr_expect(strstr(text.data, "\"defaultAction\": \"SCMP_ACT_NOTIFY\""));
        cr_expect(strstr(text.data, "\"listenerPath\": \"/run/a.sock\""));
        cr_expect(strstr(text.data, "{\\\"profile\\\":\\\"in.json\\\",\\\"digest\\\":\\\"sha256:"));
        buf_deinit(&text);
        cr_expect_eq(dry_run("--log"), 0);
        text = written();
        cr_expect(strstr(text.data, "\"defaultAction\": \"SCMP_ACT_LOG\""));
        cr_expect_null(strstr(text.data, "listener"));
        buf_deinit(&text);
}

Test(profile_convert, dry_run_mistakes) {
        static const char *const words[] = {
                "",
                "--log --listener /a",
                "--listener relative",
                "--listener "
                "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "--log --runtime youki",
                "--log extra",
                "--bogus",
        };

        given("{\"defaultAction\":\"SCMP_ACT_ERRNO\"}");
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                cr_expect_eq(dry_run(words[i]), EXIT_USAGE, "%s", words[i]);
        given("{}");
        cr_expect_eq(dry_run("--log"), EXIT_USAGE);
        cr_expect_eq(run(profile_verb_dry_run_profile, "--help"), 0);
}
