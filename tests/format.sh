#!/bin/sh
# The format of every C file. Exit 77 (skipped) where clang-format is not installed: another version of it
# may format differently, so version 14 is asked for by name first.
set -u
cd "$(dirname "$0")/.." || exit 1
tool=$(command -v clang-format-14 || command -v clang-format) || { echo "format: no clang-format"; exit 77; }
files=$(find base include syscalls policy proto agent supervisor cli tests -name '*.[ch]' -not -path '*/corpus/*')
[ -n "$files" ] || exit 1
# shellcheck disable=SC2086
"$tool" --dry-run --Werror $files
