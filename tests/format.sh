#!/bin/sh
# The format of every C file. Exit 77 (skipped) where clang-format 14 is not installed: other versions format
# differently.
set -u
cd "$(dirname "$0")/.." || exit 1
tool=$(command -v clang-format-14 || command -v clang-format) || { echo "format: no clang-format"; exit 77; }
"$tool" --version | grep -q 'version 14\.' || { echo "format: $("$tool" --version) is not version 14"; exit 77; }
files=$(find base include syscalls policy proto agent supervisor cli tests -name '*.[ch]' -not -path '*/corpus/*')
[ -n "$files" ] || exit 1
# shellcheck disable=SC2086
"$tool" --dry-run --Werror $files
