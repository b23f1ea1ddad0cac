#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program that the quickstart tries: clones the repository beside it, into a new folder each time.
set -e
git clone --quiet "file://$PWD/origin" "copy.$$"
git --no-pager -C "copy.$$" log -1 --format='cloned: %s'
