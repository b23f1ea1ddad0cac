/* SPDX-License-Identifier: Apache-2.0 */
/* What must stay true: the parts do not overlap, since each argument has one action. */

#include "policy/verdict_parts.h"

#include "base/error.h"
#include "policy/filter.h"

#include <stdlib.h>

#define SHOWN_MAX 8

void verdict_parts_deinit(struct verdict_parts *parts) {
        for (size_t i = 0; i < parts->n; i++)
                cover_deinit(&parts->items[i].cover);
        free(parts->items);
        *parts = (struct verdict_parts){ 0 };
}

int verdict_parts_init(struct verdict_parts *parts, struct regions *regions, region_id region,
                       uint32_t otherwise, enum cover_style style, unsigned bits) {
        uint32_t actions[VERDICT_ACTIONS_MAX];
        size_t n = region_values(regions, region, actions, VERDICT_ACTIONS_MAX);
        int r = 0;

        *parts = (struct verdict_parts){ .otherwise = otherwise };
        if (n > VERDICT_ACTIONS_MAX)
                return REGION_E_COMPLEX;
        parts->items = calloc(n + 1, sizeof(*parts->items));
        if (!parts->items)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < n; i++) {
                struct verdict_part *part = &parts->items[parts->n];

                if (actions[i] == otherwise)
                        continue;
                part->action = actions[i];
                parts->n++;
                r = cover_init(&part->cover, regions,
                               region_combine(regions, REGION_IS, region, region_value(regions, actions[i])),
                               style, bits);
                parts->n_alternatives += part->cover.n;
        }
        if (r)
                verdict_parts_deinit(parts);
        return error_trace(r);
}

region_id verdict_parts_region(const struct verdict_parts *parts, struct regions *regions, unsigned bits) {
        region_id region = region_value(regions, parts->otherwise);

        for (size_t i = 0; i < parts->n; i++)
                region = region_choose(regions, cover_region(&parts->items[i].cover, regions, bits),
                                       region_value(regions, parts->items[i].action), region);
        return region;
}

int verdict_parts_of(struct verdict_parts *parts, struct regions *regions, region_id region, unsigned bits) {
        uint32_t actions[VERDICT_ACTIONS_MAX], otherwise;
        size_t n = region_values(regions, region, actions, VERDICT_ACTIONS_MAX);
        int r;

        otherwise = actions[0];
        for (size_t i = 1; i < n && i < VERDICT_ACTIONS_MAX; i++)
                if (action_severity(actions[i]) > action_severity(otherwise))
                        otherwise = actions[i];
        r = verdict_parts_init(parts, regions, region, otherwise, COVER_CLOSED, bits);
        if (r == REGION_E_COMPLEX && !regions_error(regions))
                r = verdict_parts_init(parts, regions, region, otherwise, COVER_POINTS, bits);
        return error_trace(r);
}

void cover_text(const struct cover *cover, size_t max, struct buf *to) {
        for (size_t i = 0; i < cover->n; i++) {
                if (i == max) {
                        buf_printf(to, ", or %zu more", cover->n - max);
                        break;
                }
                if (i)
                        buf_puts(to, ", or ");
                box_text(&cover->boxes[i], to);
        }
}

void verdict_parts_text(const struct verdict_parts *parts, struct buf *to) {
        char text[64];

        for (size_t i = 0; i < parts->n; i++) {
                buf_printf(to, "%s if ", filter_action_text(parts->items[i].action, text, sizeof(text)));
                cover_text(&parts->items[i].cover, SHOWN_MAX, to);
                buf_puts(to, "; ");
        }
        buf_printf(to, "%s%s", parts->n ? "else " : "",
                   filter_action_text(parts->otherwise, text, sizeof(text)));
}
